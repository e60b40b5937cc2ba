"""Chalice, which serves REST APIs: its events have payload format 1.0."""

import as_usual
from chalice import Chalice, Response

app = Chalice("sessions")


@app.route("/sessions", methods=["POST"])
def create():
    new = as_usual.NewSession.model_validate(app.current_request.json_body)
    speaker = app.current_request.context["authorizer"]["claims"]["sub"]
    return Response(as_usual.create(new, speaker), status_code=201)


@app.route("/sessions/{session_id}", methods=["GET"])
def get(session_id):
    return as_usual.find(session_id)
