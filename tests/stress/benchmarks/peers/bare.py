"""The yardstick: `boto3.client("dynamodb")` and the one call of each route, and nothing else.

It validates nothing, checks nobody, catches nothing, logs nothing and counts nothing. Deployed as people do:
a zip of this file, without byte code, and boto3 from the runtime (with the byte code that pip makes there).
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
        return answer(200, {"status": "healthy"})
    key = {"sessionId": {"S": event["pathParameters"]["sessionId"]}}
    if route == "GET /sessions/{sessionId}":
        return answer(200, plain(dynamodb.get_item(TableName=TABLE, Key=key)["Item"]))
    status = json.loads(event["body"])["status"] if route.startswith("PATCH") else "ended"
    row = dynamodb.update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET #status = :status, updatedAt = :now",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": {"S": status}, ":now": {"N": str(time.time_ns() // 1_000_000)}},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    return answer(200, plain(row))


def create(event):
    wanted = json.loads(event["body"])
    now = time.time_ns() // 1_000_000
    item = {
        "sessionId": {"S": f"pure-hope-{100 + secrets.randbelow(900)}"},
        "speakerId": {"S": event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]},
        "sourceLanguage": {"S": wanted["sourceLanguage"]},
        "qualityTier": {"S": wanted.get("qualityTier", "standard")},
        "status": {"S": "active"},
        "listenerCount": {"N": "0"},
        "createdAt": {"N": str(now)},
        "updatedAt": {"N": str(now)},
        "expiresAt": {"N": str(now // 1000 + 86_400)},
    }
    dynamodb.put_item(TableName=TABLE, Item=item)
    return answer(201, plain(item))


def plain(item):
    return {name: next(iter(value.values())) for name, value in item.items()}


def answer(status, body):
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
