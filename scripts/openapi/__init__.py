"""The HTTP API in OpenAPI 3.1, made from the code that serves it: python -m scripts.openapi."""
