"""The floor: a function that does nothing. What Python and Lambda's runtime client cost by themselves."""


def handler(event, context):
    return {"statusCode": 204}
