"""FastAPI, adapted to Lambda by Mangum."""

import as_usual
from fastapi import FastAPI, Request
from mangum import Mangum

app = FastAPI()


@app.post("/sessions", status_code=201)
def create(new: as_usual.NewSession, request: Request):
    claims = request.scope["aws.event"]["requestContext"]["authorizer"]["jwt"]["claims"]
    return as_usual.create(new, claims["sub"])


@app.get("/sessions/{session_id}")
def get(session_id: str):
    return as_usual.find(session_id)


handler = Mangum(app, lifespan="off")
