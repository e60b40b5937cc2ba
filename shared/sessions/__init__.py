"""The domain: what a session is and what may happen to it. Knows no AWS, no HTTP, no environment."""
