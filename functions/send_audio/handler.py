"""audioChunk: a fraction of a second of what the session's speaker says, to the audio stream."""

from shared import settings, startup
from shared.audio.messages import audio_accepted
from shared.audio.requests import NewAudio
from shared.audio.send import SendAudio
from shared.aws import audio_stream, dynamodb
from shared.aws.sessions_table import SessionsTable
from shared.clock import now_ms
from shared.events import websocket_api

send_audio = SendAudio(
    SessionsTable(dynamodb.create_client(), settings.text("SESSIONS_TABLE")),
    audio_stream.KinesisAudioStream(audio_stream.create_client(), settings.text("AUDIO_STREAM")),
    now_ms,
)
startup.finish_init()


@websocket_api.message
def handler(message: websocket_api.Message) -> websocket_api.Answer:
    speaker, audio = message.speaker, message.json(NewAudio)
    send_audio(audio, session_id=message.session_id, speaker=speaker)
    return audio_accepted(audio.timestamp, audio.sequence)
