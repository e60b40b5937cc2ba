"""Create and get without regard to cold starts: pydantic models and boto3's resource.

All peers but the bare one use it. They validate what speakers send, and nothing more.
"""

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


def create(new: NewSession, speaker: str) -> dict:
    now = time.time_ns() // 1_000_000
    session = Session(
        sessionId=f"pure-hope-{100 + secrets.randbelow(900)}",
        speakerId=speaker,
        sourceLanguage=new.sourceLanguage,
        qualityTier=new.qualityTier,
        createdAt=now,
        updatedAt=now,
        expiresAt=now // 1000 + 86_400,
    ).model_dump(mode="json")
    table.put_item(Item=session, ConditionExpression="attribute_not_exists(sessionId)")
    return session


def find(session_id: str) -> dict:
    item = table.get_item(Key={"sessionId": session_id})["Item"]
    return Session.model_validate(item).model_dump(mode="json", exclude={"speakerId"})
