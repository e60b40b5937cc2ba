"""The events that the benchmarks send, with the fields that functions and peers read."""

import base64
import json
import time

from tests.stress.benchmarks.canned_dynamodb import SESSION_ID, SPEAKER


def http_api_event(route: str, body: object, session_id: str = SESSION_ID) -> dict:
    """Return an API Gateway event in payload format 2.0."""
    method, path = route.replace("{sessionId}", session_id).split(" ")
    event = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "user-agent": "benchmark"},
        "requestContext": {
            "authorizer": {"jwt": {"claims": {"sub": SPEAKER}, "scopes": None}},
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "$default",
        },
        "pathParameters": {"sessionId": session_id} if "{" in route else None,
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
    return {name: value for name, value in event.items() if value is not None}


def rest_api_event(route: str, body: object) -> dict:
    """Return the same request in payload format 1.0, as REST APIs send it."""
    method, resource = route.replace("sessionId", "session_id").split(" ")
    path = resource.replace("{session_id}", SESSION_ID)
    headers = {"content-type": "application/json", "user-agent": "benchmark"}
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"session_id": SESSION_ID} if "{" in resource else None,
        "stageVariables": None,
        "requestContext": {
            "authorizer": {"claims": {"sub": SPEAKER}},
            "httpMethod": method,
            "resourcePath": resource,
            "path": path,
            "identity": {"sourceIp": "192.0.2.1"},
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "prod",
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def websocket_event() -> dict:
    """Return a listener's $connect, with what the authorizer and what the function read."""
    return {
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/ws/$connect",
        "headers": {"Host": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"},
        "queryStringParameters": {"sessionId": SESSION_ID, "targetLanguage": "es"},
        "requestContext": {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "connectionId": "L0SM9cOFvHcCIhw=",
            "requestId": "JKJaXmPLvHcESHA=",
            "identity": {"sourceIp": "192.0.2.1"},
            "authorizer": {"sessionId": SESSION_ID, "subject": "", "principalId": "listener"},
        },
    }


def message_event(action: str, fields: dict, *, asks: str = "speak") -> dict:
    """Return a message of the speaker's connection, or of one that asked to listen."""
    return {
        "requestContext": {
            "routeKey": action,
            "eventType": "MESSAGE",
            "connectionId": "L0SM9cOFvHcCIhw=",
            "requestId": "JKJaXmPLvHcESHA=",
            "identity": {"sourceIp": "192.0.2.1"},
            "authorizer": {"sessionId": SESSION_ID, "subject": SPEAKER, "asks": asks},
        },
        "body": json.dumps({"action": action, **fields}),
        "isBase64Encoded": False,
    }


def audio_event() -> dict:
    """Return the speaker's message with a chunk of audio of 256 ms."""
    fields = {
        "audioData": base64.b64encode(bytes(range(256)) * 32).decode(),
        "timestamp": time.time_ns() // 1_000_000,
        "sequence": 7,
    }
    return message_event("audioChunk", fields)
