"""How the steps of a run are carried out."""

from slipway.launch.executor import in_process_executor
from slipway.launch.step_pods import k8s_job_executor
from slipway.launch.step_queue import celery_k8s_job_executor

__all__ = ["celery_k8s_job_executor", "in_process_executor", "k8s_job_executor"]
