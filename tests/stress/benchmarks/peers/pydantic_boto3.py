"""No framework: one function per route."""

import json

import as_usual


def create(event, context):
    new = as_usual.NewSession.model_validate_json(event["body"])
    speaker = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    return response(201, as_usual.create(new, speaker))


def get(event, context):
    return response(200, as_usual.find(event["pathParameters"]["sessionId"]))


def response(status, body):
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
