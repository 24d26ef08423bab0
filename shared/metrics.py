"""Metrics, written to the log in CloudWatch's embedded format: no call, no wait, no permission."""

import json
import sys
from collections.abc import Mapping

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "Atelier"

Measured = Mapping[str, tuple[MetricUnit, float]]


def emit(stack: str, measured: Measured, job_id: str | None = None, **dimensions: str) -> None:
    """Write a line of metrics, where there is a stack that they are of: one machine has none."""
    if not stack:
        return
    line = EphemeralMetrics(namespace=NAMESPACE)
    for name, value in {"stack": stack, **dimensions}.items():
        line.add_dimension(name, value)
    for name, (unit, amount) in measured.items():
        line.add_metric(name, unit, amount)
    if job_id:
        line.add_metadata("job_id", job_id)
    sys.stdout.write(json.dumps(line.serialize_metric_set()) + "\n")
    sys.stdout.flush()
