"""The router of Powertools for AWS Lambda, which validates with pydantic."""

import as_usual
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

app = APIGatewayHttpResolver(enable_validation=True)


@app.post("/sessions")
def create(new: as_usual.NewSession):
    speaker = app.current_event.request_context.authorizer.jwt_claim["sub"]
    return as_usual.create(new, speaker), 201


@app.get("/sessions/<session_id>")
def get(session_id: str):
    return as_usual.find(session_id)


def handler(event, context):
    return app.resolve(event, context)
