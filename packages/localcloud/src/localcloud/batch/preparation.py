"""How nodes become ready: their Python environment, then the start task of their pool.

All nodes of a pool stand on one machine and share its folders, so both are done once for all of them.
"""

import asyncio
import shlex

from localcloud.batch import files
from localcloud.batch.node import NodeFolders, NodeName
from localcloud.batch.node_python import NodeEnvironment
from localcloud.batch.start_task import StartTask, make_tools, start_task_environment
from localcloud.batch.tasks import TaskFailedError
from localcloud.service import Cloud


class Preparation:
    """Prepares the nodes of one cloud."""

    def __init__(self, cloud: Cloud, folders: NodeFolders, environment: NodeEnvironment) -> None:
        self._cloud = cloud
        self._folders = folders
        self._environment = environment
        self._making = asyncio.Lock()

    async def environment(self, name: NodeName) -> None:
        """Returns when the Python environment of the nodes is complete. Raises TaskFailedError."""
        async with self._making:
            try:
                commands = await asyncio.to_thread(self._environment.commands)
            except OSError as error:
                raise failed(f"The start task failed: {error}") from error
            for command in commands:
                await self._execute(command, self._environment.process_environment(name))
            await asyncio.to_thread(self._environment.finish)

    async def run(self, name: NodeName, start_task: StartTask | None) -> None:
        """Returns when the nodes are ready. Raises TaskFailedError."""
        await self.environment(name)
        if start_task is None:
            return
        await asyncio.to_thread(make_tools, self._folders)
        for attempt in range(1 + start_task.retries):
            try:
                await self._attempt(name, start_task)
            except TaskFailedError:
                if attempt == start_task.retries:
                    raise
            else:
                return

    async def _attempt(self, name: NodeName, start_task: StartTask) -> None:
        await asyncio.to_thread(self._fetch, start_task)
        environment = start_task_environment(self._cloud.home, self._folders, name, start_task)
        await self._execute(shlex.split(start_task.command_line), environment)

    async def _execute(self, command: list[str], environment: dict[str, str]) -> None:
        stdout, stderr = await asyncio.to_thread(files.open_output, self._folders.startup)
        with stdout, stderr:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    cwd=self._folders.startup / "wd",
                    env=environment,
                    start_new_session=True,
                )
            except (OSError, ValueError, TypeError) as error:
                raise failed(f"The start task could not be started: {error}") from error
        if code := await process.wait():
            tail = await asyncio.to_thread(files.tail, self._folders.startup / "stderr.txt")
            raise failed(f"The start task of the pool ended with exit code {code}: {tail}")

    def _fetch(self, start_task: StartTask) -> None:
        for file in start_task.files:
            files.fetch_file(self._cloud, file, self._folders.startup / "wd")


def failed(message: str) -> TaskFailedError:
    return TaskFailedError("UserError", "StartTaskFailed", message)
