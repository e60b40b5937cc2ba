"""The reference: `boto3.client("dynamodb")` and the one call of each route.

It has no validation, authorization, error handling, logs or metrics. It is deployed with its byte code, and
takes boto3 from the runtime, where that has byte code too.
"""

import json
import os
import secrets
import time

import boto3

TABLE = os.environ["SESSIONS_TABLE"]
dynamodb = boto3.client("dynamodb")


def handler(event, context):
    route = event["routeKey"]
    if route == "POST /sessions":
        return create(event)
    if route == "GET /health":
        dynamodb.get_item(TableName=TABLE, Key={"sessionId": {"S": "health"}})
        return response(200, {"status": "healthy"})
    key = {"sessionId": {"S": event["pathParameters"]["sessionId"]}}
    if route == "GET /sessions/{sessionId}":
        return response(200, plain(dynamodb.get_item(TableName=TABLE, Key=key)["Item"]))
    status = json.loads(event["body"])["status"] if route.startswith("PATCH") else "ended"
    row = dynamodb.update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET #status = :status, updatedAt = :now",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": {"S": status}, ":now": {"N": str(time.time_ns() // 1_000_000)}},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    return response(200, plain(row))


def create(event):
    body = json.loads(event["body"])
    now = time.time_ns() // 1_000_000
    item = {
        "sessionId": {"S": f"pure-hope-{100 + secrets.randbelow(900)}"},
        "speakerId": {"S": event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]},
        "sourceLanguage": {"S": body["sourceLanguage"]},
        "qualityTier": {"S": body.get("qualityTier", "standard")},
        "status": {"S": "active"},
        "listenerCount": {"N": "0"},
        "createdAt": {"N": str(now)},
        "updatedAt": {"N": str(now)},
        "expiresAt": {"N": str(now // 1000 + 86_400)},
    }
    dynamodb.put_item(TableName=TABLE, Item=item)
    return response(201, plain(item))


def plain(item):
    return {name: next(iter(value.values())) for name, value in item.items()}


def response(status, body):
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
