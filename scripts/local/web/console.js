// Renders the OpenAPI document, and signs the demo speaker in.
const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#console",
  deepLinking: true,
  docExpansion: "list",
  tryItOutEnabled: true,
  displayRequestDuration: true,
  validatorUrl: null,
});

const signInStatus = document.getElementById("sign-in-status");

document.getElementById("sign-in").addEventListener("click", async () => {
  try {
    const response = await fetch("/token", { method: "POST" });
    if (!response.ok) {
      throw new Error(await response.text());
    }
    const { token } = await response.json();
    ui.preauthorizeApiKey("speaker", token);
    signInStatus.textContent = "Signed in as the demo speaker, for an hour";
  } catch (problem) {
    signInStatus.textContent = `Could not sign in: ${problem.message}`;
  }
});
