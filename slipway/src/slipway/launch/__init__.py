"""How the steps of a run are carried out."""

from slipway.launch.executor import in_process_executor
from slipway.launch.step_pods import k8s_job_executor

__all__ = ["in_process_executor", "k8s_job_executor"]
