"""The executor of runs whose steps go one after the other in the run's own process.

Dagster's own, but for what it does while a step waits for its place in a pool: that one turns in a loop, takes a
whole core and is slow to notice that its run was terminated. This one sleeps, and ends at once.
"""

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.errors import raise_execution_interrupts
from dagster._core.events import EngineEventData
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.execute_plan import inner_plan_execution_iterator
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.retries import RetryMode, get_retries_config
from dagster._core.executor.in_process import InProcessExecutor

from slipway.launch.stamps import stamp_run

if TYPE_CHECKING:
    from dagster._core.execution.context.system import PlanExecutionContext, PlanOrchestrationContext
    from dagster._core.execution.plan.plan import ExecutionPlan

# Postgres itself is asked every 1 to 15 s, rarer the longer a step has waited.
_SLEEP_SECONDS = 0.5


class SleepingExecutor(InProcessExecutor):
    """Runs the steps in this process, one after the other."""

    def execute(
        self, plan_context: "PlanOrchestrationContext", execution_plan: "ExecutionPlan"
    ) -> Iterator[dg.DagsterEvent]:
        """Yield the events of the steps."""
        stamp_run(plan_context.instance, plan_context.dagster_run)
        in_this_process = EngineEventData.in_process(os.getpid(), execution_plan.step_keys_to_execute)
        yield dg.DagsterEvent.engine_event(
            plan_context, f"Executing steps in process (pid: {os.getpid()})", in_this_process
        )
        yield from iter(
            ExecuteRunWithPlanIterable(
                execution_plan=plan_context.execution_plan,
                iterator=_steps,
                execution_context_manager=PlanExecutionContextManager(
                    job=plan_context.job,
                    retry_mode=plan_context.retry_mode,
                    execution_plan=plan_context.execution_plan,
                    run_config=plan_context.run_config,
                    dagster_run=plan_context.dagster_run,
                    instance=plan_context.instance,
                    raise_on_error=plan_context.raise_on_error,
                    output_capture=plan_context.output_capture,
                    step_dependency_config=self.step_dependency_config,
                ),
            )
        )
        yield dg.DagsterEvent.engine_event(
            plan_context, f"Finished steps in process (pid: {os.getpid()})", in_this_process
        )


@dg.executor(name="in_process", config_schema={"retries": get_retries_config()})  # type: ignore[no-untyped-call]
def in_process_executor(context: dg.InitExecutorContext) -> SleepingExecutor:
    """Run all steps in one process. Give it to `Definitions(executor=...)` in the place of Dagster's own."""
    mode = RetryMode.from_config(context.executor_config["retries"])  # type: ignore[arg-type]
    return SleepingExecutor(mode or RetryMode.ENABLED)


class _Places(InstanceConcurrencyContext):
    """Asks for places in pools, and sleeps in between."""

    def interval_to_next_pending_claim_check(self) -> float:
        """Sleep for a moment if steps wait for a place, and return 0: then the caller looks again.

        The caller would sleep itself, but with signals held back: a run that is told to end would go on waiting.
        """
        if self.has_pending_claims():
            with raise_execution_interrupts():
                time.sleep(_SLEEP_SECONDS)
        return 0.0


def _steps(job_context: "PlanExecutionContext", execution_plan: "ExecutionPlan") -> Iterator[dg.DagsterEvent]:
    with _Places(job_context.instance, job_context.dagster_run) as places:
        yield from inner_plan_execution_iterator(job_context, execution_plan, places)
