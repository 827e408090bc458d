"""Ask a gRPC health server on this machine: `probe.py 127.0.0.1:9094` ends with 0 if it serves."""

import sys

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

try:
    with grpc.insecure_channel(sys.argv[1], [("grpc.enable_http_proxy", 0)]) as channel:
        reply = HealthStub(channel).Check(HealthCheckRequest(), timeout=3)
    sys.exit(reply.status != HealthCheckResponse.SERVING)
except grpc.RpcError as error:
    sys.exit(f"{sys.argv[1]}: {error.code().name}")
