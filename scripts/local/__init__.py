"""The whole system on one machine: what Terraform declares, served without an AWS account.

`system` starts and stops it all: `moto_server` is AWS, `provision` applies Terraform to it, `declared` reads
what came of that, `http_api` and `websocket_api` are API Gateway, `connections` its @connections, `runtime`
is Lambda, `streams` hands it what is written to tables, `console` and `listen` let a person try it.

What is not as on AWS:
- Roles are not enforced, but for the permission of the API to invoke a function.
- Memory is not limited and does not scale the CPU. Logs are files, traces go nowhere.
- A function that cannot start fails its request at once; Lambda tries a second time first.
- Where Lambda starts a thousand copies of a function, 8 run here and further requests wait for one of them.
- Files of an unpacked zip are read-only, its folders are not.
- The words of a 401's `error_description` are AWS's own only for an expired token and a wrong audience.
- Throttles are exact; AWS calls its own best effort.
- Records of a stream reach their function within milliseconds, and are lost when the system stops.
- Expired rows stay: delete one by hand to see what TTL would set off.
"""
