"""Runs the code cells of a notebook in tslab: python run.py IN.ipynb OUT.ipynb FOLDER SECONDS_PER_CELL

Writes one JSON object a line to stdout: {"cell": i, "of": n} before each cell, {"failed": i, "message": ...} when one fails.
nbclient would pass over most failures and drop what a cell writes after its reply, because tslab
 * reports errors on stderr with a bare "error" reply, and those of forgotten promises on stderr after an "ok" reply;
 * answers "abort" to whatever arrives within 200 ms after an error.
So this talks to the kernel itself: every reply must be "ok" and stderr empty, at once or later, except in cells tagged
raises-exception, which must fail.
"""
import json
import queue
import sys
import time

import nbformat
from jupyter_client.manager import start_new_kernel

ABORT_WINDOW = 0.4  # seconds; tslab's own is 0.2
LAST_WORDS = 0.5  # seconds to wait after the last cell for what was left running


class CellFailed(Exception):
    def __init__(self, index, message):
        super().__init__(message)
        self.index = index


def say(**fields):
    print(json.dumps(fields), flush=True)


class Run:
    def __init__(self, manager, client, cells, limit):
        self.manager, self.client, self.cells, self.limit = manager, client, cells, limit
        self.asked = {}  # message id of a request -> index of its cell
        self.stderr = {}  # index of a cell -> what it wrote to stderr
        self.displays = {}  # display id -> the outputs that show it

    def may_fail(self, index):
        return "raises-exception" in self.cells[index].metadata.get("tags", [])

    def take(self, message):
        """Files one published message under the cell that it belongs to, whenever it comes."""
        index = self.asked.get(message["parent_header"].get("msg_id"))
        kind, content = message["msg_type"], message["content"]
        if index is None or kind not in ("stream", "display_data", "update_display_data"):
            return
        outputs = self.cells[index].outputs
        if kind == "stream":
            if content["name"] == "stderr" and not self.may_fail(index):
                self.stderr[index] = self.stderr.get(index, "") + content["text"]
            if outputs and outputs[-1].output_type == "stream" and outputs[-1].name == content["name"]:
                outputs[-1].text += content["text"]
            else:
                outputs.append(nbformat.v4.new_output("stream", name=content["name"], text=content["text"]))
            return
        shown = self.displays.setdefault(content.get("transient", {}).get("display_id", object()), [])
        if kind == "display_data":
            shown.append(nbformat.v4.new_output("display_data", data=content["data"], metadata=content["metadata"]))
            outputs.append(shown[-1])
        for output in shown:
            output.update(data=content["data"], metadata=content["metadata"])

    def fail_on_stderr(self):
        for index, text in self.stderr.items():
            raise CellFailed(index, text.strip())

    def drain(self, seconds):
        """Takes what arrives in the given time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                self.take(self.client.get_iopub_msg(timeout=left))
            except queue.Empty:
                return

    def cell(self, index):
        request = self.client.execute(self.cells[index].source)
        self.asked[request] = index
        end = time.monotonic() + self.limit
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                if not self.manager.is_alive():
                    raise CellFailed(index, "the kernel died; did it run out of memory?") from None
                if time.monotonic() > end:
                    raise CellFailed(index, f"not done after {self.limit:.0f} s") from None
                continue
            self.take(message)
            ended = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            if ended and message["parent_header"].get("msg_id") == request:
                break
        reply = self.client.get_shell_msg(timeout=10)
        while reply["parent_header"].get("msg_id") != request:  # answers from the kernel's start
            reply = self.client.get_shell_msg(timeout=10)
        status = reply["content"]["status"]
        expected = "error" if self.may_fail(index) else "ok"
        if status != expected:
            self.fail_on_stderr()
            raise CellFailed(index, f'the kernel answered "{status}", not "{expected}"')
        if status == "error":
            self.drain(ABORT_WINDOW)
        self.fail_on_stderr()


def main(source, target, folder, limit):
    notebook = nbformat.read(source, 4)
    manager, client = start_new_kernel(kernel_name="tslab", startup_timeout=60, cwd=folder)
    run = Run(manager, client, notebook.cells, float(limit))
    try:
        for index in range(len(notebook.cells)):
            say(cell=index, of=len(notebook.cells))
            run.cell(index)
        run.drain(LAST_WORDS)
        run.fail_on_stderr()
    except CellFailed as failure:
        say(failed=failure.index, message=str(failure))
        return 1
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    nbformat.write(notebook, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
