"""dev in the emulator, with those parts of a local system that the tests of APIs use."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from tests.conformance.deployment.environments import Deployment

MAX_LISTENERS = 10
PASSWORD = "Only-for-tests-1"


@dataclass
class DeployedSystem:
    """Stands in for scripts.local.system.System and tests.system.conftest.System."""

    deployment: Deployment
    connections: tuple[()] = ()  # the emulator does not say which it holds

    @cached_property
    def outputs(self) -> Mapping[str, Any]:
        """The outputs of Terraform."""
        return self.deployment.outputs()

    @property
    def url(self) -> str:
        """The URL of the HTTP API."""
        return str(self.outputs["http_api_endpoint"])

    @property
    def websocket_url(self) -> str:
        """The URL of the WebSocket API, without TLS."""
        return str(self.outputs["websocket_url"]).replace("wss://", "ws://")

    @property
    def aws(self) -> Any:
        """The emulator's `url`, without TLS."""
        return SimpleNamespace(url=self.deployment.account.emulator.plain_url)

    @property
    def config(self) -> Any:
        """The environment variables that name the tables."""
        tables = {
            f"{name.upper()}_TABLE": self.outputs[f"{name}_table"] for name in ("sessions", "connections")
        }
        function = SimpleNamespace(environment=tables)
        return SimpleNamespace(functions={"session-service-local-session_changed": function})

    def token(self, name: str) -> str:
        """Return an access token of a speaker, who is created when the name is new."""
        cognito = self.deployment.account.emulator.client("cognito-idp")
        pool, client = self.outputs["user_pool_id"], self.outputs["user_pool_client_id"]
        if not cognito.list_users(UserPoolId=pool, Filter=f'username = "{name}"')["Users"]:
            cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
            cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
        response = cognito.admin_initiate_auth(
            UserPoolId=pool,
            ClientId=client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        return str(response["AuthenticationResult"]["AccessToken"])
