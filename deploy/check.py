"""Is the hub of deploy/jupyterhub_config.py usable? Without Docker: students are processes of this user.

    export PATH=$PWD/hub/bin:$PWD/hub/node_modules/.bin:$PATH      # jupyterhub, configurable-http-proxy (docs/classes.md)
    .venv/bin/python deploy/check.py

Needs set-up and deploy/requirements-student.txt in .venv. Signs students in, starts a server, runs a cell on the tslab kernel, changes a
notebook, stops and starts the server, and looks whether all is still there.
"""
import http.cookiejar
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

from tornado.httpclient import HTTPRequest
from tornado.ioloop import IOLoop
from tornado.websocket import websocket_connect

course = Path(__file__).resolve().parent.parent
state, password, token = Path(tempfile.mkdtemp(prefix="tunelab-hub-")), secrets.token_hex(8), secrets.token_hex(16)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


port = free_port()
base = f"http://127.0.0.1:{port}"
(state / "config.py").write_text(
    f"""load_subconfig({str(course / "deploy" / "jupyterhub_config.py")!r})
c.JupyterHub.services = [{{"name": "check", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{"name": "check", "services": ["check"], "scopes": ["admin:users", "admin:servers", "access:servers"]}}]
c.JupyterHub.hub_port = {free_port()}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
"""
)


def api(method, path, body=None):
    request = urllib.request.Request(base + path, None if body is None else json.dumps(body).encode(), {"Authorization": f"token {token}", "Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        text = answer.read().decode()
        return json.loads(text) if text else None


def until(what, check, seconds=180):
    end = time.time() + seconds
    while time.time() < end:
        try:
            found = check()
            if found:
                return found
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        if hub.poll() is not None:
            raise SystemExit("the hub ended:\n" + (state / "hub.log").read_text()[-3000:])
        time.sleep(0.5)
    raise SystemExit(f"{what}: not within {seconds} s\n" + (state / "hub.log").read_text()[-3000:])


def sign_in(name, word):
    """Status of the page that follows the sign-in form, as a browser would see it."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.open(f"{base}/hub/login", timeout=30).read()
    xsrf = next(c.value for c in jar if c.name == "_xsrf")
    try:
        form = urllib.parse.urlencode({"username": name, "password": word, "_xsrf": xsrf}).encode()
        return opener.open(f"{base}/hub/login?next=/hub/home", form, timeout=60).status
    except urllib.error.HTTPError as error:
        return error.code


def start(name):
    try:
        api("POST", f"/hub/api/users/{name}/server", {})
    except urllib.error.HTTPError as error:
        raise SystemExit(f"starting {name}'s server: {error} {error.read().decode()}")
    until(f"{name}'s server", lambda: (api("GET", f"/hub/api/users/{name}")["servers"].get("") or {}).get("ready"))


async def run_cell(name, notebook, code):
    """Output of one cell in a new kernel beside a notebook."""
    session = api("POST", f"/user/{name}/api/sessions", {"path": notebook, "type": "notebook", "name": notebook, "kernel": {"name": "tslab"}})
    kernel, sender = session["kernel"]["id"], uuid.uuid4().hex
    url = f"ws://127.0.0.1:{port}/user/{name}/api/kernels/{kernel}/channels?session_id={sender}"
    connection = await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {token}"}))
    header = {"msg_id": uuid.uuid4().hex, "username": name, "session": sender, "msg_type": "execute_request", "version": "5.3", "date": ""}
    await connection.write_message(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "channel": "shell", "content": {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False, "stop_on_error": True}}))
    out, idle, replied = "", False, False
    while not (idle and replied):
        message = json.loads(await connection.read_message())
        if message["parent_header"].get("msg_id") != header["msg_id"]:
            continue
        kind, content = message["header"]["msg_type"], message["content"]
        out += content.get("text", "") if kind == "stream" else ""
        idle |= kind == "status" and content["execution_state"] == "idle"
        if kind == "execute_reply":
            replied = True
            assert content["status"] == "ok", content
    connection.close()
    api("DELETE", f"/user/{name}/api/sessions/{session['id']}")  # a process of the simple spawner would outlive its server
    return out


def check(what, good):
    print(f"{'ok' if good else 'WRONG'}: {what}", flush=True)
    if not good:
        raise SystemExit(1)


environment = {**os.environ, "TUNELAB_SPAWNER": "simple", "TUNELAB_HUB_STATE": str(state), "TUNELAB_HUB_PORT": str(port), "TUNELAB_CLASS_PASSWORD": password, "TUNELAB_TEACHER_PASSWORD": secrets.token_hex(20)}
hub = subprocess.Popen(["jupyterhub", "-f", str(state / "config.py")], cwd=state, env=environment, stdout=open(state / "hub.log", "w"), stderr=subprocess.STDOUT, start_new_session=True)
try:
    until("the hub", lambda: api("GET", "/hub/api/"))
    check("two students sign in with the class's password", [sign_in("anna", password), sign_in("bo", password)] == [200, 200])
    check("a wrong password is refused", sign_in("anna", "something else") == 403)
    start("anna")
    work = state / "students" / "anna" / "tunelab"
    contents = api("GET", "/user/anna/api/contents/notebooks/zh")
    check("anna's JupyterLab lists the notebooks", any(entry["name"].endswith(".ipynb") for entry in contents["content"]))
    notebook = next(entry["path"] for entry in contents["content"] if entry["name"].endswith(".ipynb"))
    said = IOLoop.current().run_sync(lambda: run_cell("anna", notebook, 'import { load, count } from "tunelab";\nimport { courseModel } from "tunelab/course";\nimport * as fs from "node:fs";\nconst model = await load(courseModel());\nfs.writeFileSync("../../progress/here.txt", `${count(model.params)}`);\nconsole.log(fs.realpathSync("../.."), count(model.params));'), timeout=180)
    check(f"a cell on the tslab kernel loads the course model and writes to anna's folder ({said.split()[-1:]} parameters)", str(work.resolve()) in said and (work / "progress" / "here.txt").exists())
    mine = api("GET", f"/user/anna/api/contents/{notebook}")["content"]
    mine["cells"][0]["source"] = "# mine"
    api("PUT", f"/user/anna/api/contents/{notebook}", {"type": "notebook", "content": mine})
    check("what anna writes is not in the course", "# mine" not in (course / notebook).read_text(encoding="utf-8"))
    api("DELETE", "/hub/api/users/anna/server")
    until("anna's server to stop", lambda: not api("GET", "/hub/api/users/anna")["servers"])
    start("anna")
    again = api("GET", f"/user/anna/api/contents/{notebook}")["content"]
    check("after a stop and a start her notebook and her progress are there", again["cells"][0]["source"] == "# mine" and (work / "progress" / "here.txt").exists())
    start("bo")
    check("bo has a copy of his own, with the course's notebook", "# mine" not in (state / "students" / "bo" / "tunelab" / notebook).read_text(encoding="utf-8"))
    for name in ("anna", "bo"):
        api("DELETE", f"/hub/api/users/{name}/server")
    print("ok: the hub works", flush=True)
finally:
    for name in ("anna", "bo"):
        try:
            api("DELETE", f"/hub/api/users/{name}/server")
        except Exception:
            pass
    hub.send_signal(signal.SIGTERM)
    try:
        hub.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(hub.pid, signal.SIGKILL)
    shutil.rmtree(state, ignore_errors=True)
