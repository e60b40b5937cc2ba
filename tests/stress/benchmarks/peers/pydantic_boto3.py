"""Without a framework: one function per route."""

import json

import as_usual


def create(event, context):
    wanted = as_usual.NewSession.model_validate_json(event["body"])
    speaker = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    return answer(201, as_usual.create(wanted, speaker))


def get(event, context):
    return answer(200, as_usual.find(event["pathParameters"]["sessionId"]))


def answer(status, body):
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
