"""Create as one would write it without a thought for cold starts: pydantic models and boto3's table resource.

It validates, and nothing more. Deployed as people do: a zip of this file and pydantic, without byte code, and
boto3 from the runtime (with the byte code that pip makes there).
"""

import json
import os
import secrets
import time
from enum import StrEnum

import boto3
from pydantic import BaseModel, ConfigDict

Language = StrEnum("Language", "en es fr de it pt ru ja ko zh ar hi nl pl tr sv da no fi")
QualityTier = StrEnum("QualityTier", "standard premium")


class NewSession(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sourceLanguage: Language  # noqa: N815 - the name that clients send
    qualityTier: QualityTier = QualityTier.standard  # noqa: N815 - as above


class Session(BaseModel):
    sessionId: str  # noqa: N815 - as above
    speakerId: str  # noqa: N815 - as above
    sourceLanguage: Language  # noqa: N815 - as above
    qualityTier: QualityTier  # noqa: N815 - as above
    status: str = "active"
    listenerCount: int = 0  # noqa: N815 - as above
    createdAt: int  # noqa: N815 - as above
    updatedAt: int  # noqa: N815 - as above
    expiresAt: int  # noqa: N815 - as above


table = boto3.resource("dynamodb").Table(os.environ["SESSIONS_TABLE"])


def handler(event, context):
    wanted = NewSession.model_validate_json(event["body"])
    now = time.time_ns() // 1_000_000
    session = Session(
        sessionId=f"pure-hope-{100 + secrets.randbelow(900)}",
        speakerId=event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"],
        sourceLanguage=wanted.sourceLanguage,
        qualityTier=wanted.qualityTier,
        createdAt=now,
        updatedAt=now,
        expiresAt=now // 1000 + 86_400,
    )
    table.put_item(
        Item=session.model_dump(mode="json"), ConditionExpression="attribute_not_exists(sessionId)"
    )
    body = json.dumps(session.model_dump(mode="json"))
    return {"statusCode": 201, "headers": {"Content-Type": "application/json"}, "body": body}
