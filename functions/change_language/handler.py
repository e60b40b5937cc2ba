"""changeLanguage: what is published from now on reaches the listener in another language."""

from shared import settings, startup
from shared.audience.change_language import ChangeLanguage
from shared.audience.messages import language_changed
from shared.audience.requests import LanguageChange
from shared.aws.connections_table import ConnectionsTable
from shared.aws.dynamodb import create_client
from shared.clock import now_ms
from shared.events import websocket_api

change_language = ChangeLanguage(
    ConnectionsTable(create_client(), settings.text("CONNECTIONS_TABLE")), now_ms
)
startup.finish_init()


@websocket_api.message
def handler(message: websocket_api.Message) -> websocket_api.Answer:
    listener, language = message.listener, message.json(LanguageChange).target_language
    change_language(message.session_id, listener, language)
    return language_changed(language, now_ms())
