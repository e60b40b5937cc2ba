"""An empty function: the cost of Python and of Lambda's runtime client."""


def handler(event, context):
    return {"statusCode": 204}
