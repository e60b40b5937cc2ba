// Renders the API's description and signs the demo speaker in to it.
const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#console",
  deepLinking: true,
  docExpansion: "list",
  tryItOutEnabled: true,
  displayRequestDuration: true,
  validatorUrl: null,
});

const who = document.getElementById("who");

document.getElementById("sign-in").addEventListener("click", async () => {
  try {
    const response = await fetch("/token", { method: "POST" });
    if (!response.ok) {
      throw new Error(await response.text());
    }
    const { token } = await response.json();
    ui.preauthorizeApiKey("speaker", token);
    who.textContent = "Signed in as the demo speaker, for an hour";
  } catch (problem) {
    who.textContent = `Could not sign in: ${problem.message}`;
  }
});
