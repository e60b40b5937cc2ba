"""The reference for audio: `boto3.client`, one GetItem and one PutRecord.

It has no validation, authorization, error handling, logs or metrics. It is deployed with its byte code, and
takes boto3 from the runtime, where that has byte code too.
"""

import json
import os

import boto3

TABLE, STREAM = os.environ["SESSIONS_TABLE"], os.environ["AUDIO_STREAM"]
dynamodb, kinesis = boto3.client("dynamodb"), boto3.client("kinesis")


def handler(event, context):
    session_id = event["requestContext"]["authorizer"]["sessionId"]
    chunk = json.loads(event["body"])
    session = dynamodb.get_item(TableName=TABLE, Key={"sessionId": {"S": session_id}}, ConsistentRead=True)
    record = {
        "sessionId": session_id,
        "sessionCreatedAt": int(session["Item"]["createdAt"]["N"]),
        "sequence": chunk["sequence"],
        "timestamp": chunk["timestamp"],
        "audioData": chunk["audioData"],
    }
    kinesis.put_record(StreamName=STREAM, PartitionKey=session_id, Data=json.dumps(record))
    answer = {"type": "audioAccepted", "timestamp": chunk["timestamp"], "sequence": chunk["sequence"]}
    return {"statusCode": 200, "body": json.dumps(answer)}
