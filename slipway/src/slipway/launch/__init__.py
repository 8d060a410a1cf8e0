"""How the steps of a run are carried out."""

from slipway.launch.executor import in_process_executor

__all__ = ["in_process_executor"]
