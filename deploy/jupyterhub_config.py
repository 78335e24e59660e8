"""JupyterHub for a class: each student gets a JupyterLab of their own, and a volume that keeps notebooks, runs and progress.

    python -m venv hub && hub/bin/pip install -r deploy/requirements-hub.txt
    npm install --prefix hub configurable-http-proxy@5.3.0
    export PATH=$PWD/hub/bin:$PWD/hub/node_modules/.bin:$PATH TUNELAB_CLASS_PASSWORD=… TUNELAB_TEACHER_PASSWORD=…
    jupyterhub -f deploy/jupyterhub_config.py

See docs/classes.md. Settings come from the environment:

    TUNELAB_SPAWNER           docker (default): a container and a volume a student; simple: processes of this user, to try it out
    TUNELAB_IMAGE             image of deploy/Dockerfile (tunelab)
    TUNELAB_MEMORY, _CPUS     limits of a student's container (4G, 2)
    TUNELAB_STUDENTS          file with a name a line; without it, whoever knows the password may come
    TUNELAB_CLASS_PASSWORD    of students (at least 8 characters); TUNELAB_TEACHER_PASSWORD of `teacher` (at least 32)
    TUNELAB_HUB_IP            address at which containers reach the hub (172.17.0.1, Docker's bridge on Linux)
    TUNELAB_HUB_PORT          where students come in (8000), TUNELAB_HUB_STATE the folder of the hub's own files (.)
    TUNELAB_MOST              JupyterLabs at the same time (40)
"""
import os
from pathlib import Path

c = get_config()  # noqa: F821 (JupyterHub defines it)
course = Path(__file__).resolve().parent.parent
setting = os.environ.get
state = Path(setting("TUNELAB_HUB_STATE", ".")).resolve()

# Who may come. One password for the class is for a room in which everyone is known: whoever has it can sign in under any name.
# For grades or over the internet put your school's sign-in here (OAuthenticator, LDAP, PAM): authenticator_class, its settings.
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = setting("TUNELAB_CLASS_PASSWORD")
c.SharedPasswordAuthenticator.admin_password = setting("TUNELAB_TEACHER_PASSWORD")
c.Authenticator.admin_users = {"teacher"}
names = setting("TUNELAB_STUDENTS")
if names:
    c.Authenticator.allowed_users = {name.strip() for name in Path(names).read_text(encoding="utf-8").splitlines() if name.strip()} | {"teacher"}
else:
    c.Authenticator.allow_all = True

# How a student's JupyterLab is started. student.sh makes or updates their copy of the course first.
c.Spawner.start_timeout = 180
c.Spawner.args = ["--MappingKernelManager.cull_idle_timeout=3600", "--ServerApp.shutdown_no_activity_timeout=7200"]
if setting("TUNELAB_SPAWNER", "docker") == "simple":
    c.JupyterHub.spawner_class = "simple"
    c.SimpleLocalProcessSpawner.home_dir_template = str(state / "students" / "{username}")
    c.Spawner.cmd = [str(course / "deploy" / "student.sh"), str(course / ".venv" / "bin" / "jupyterhub-singleuser")]
    if os.getuid() == 0:
        c.Spawner.args = [*c.Spawner.args, "--allow-root"]
else:
    c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
    c.DockerSpawner.image = setting("TUNELAB_IMAGE", "tunelab")
    c.DockerSpawner.cmd = ["jupyterhub-singleuser"]  # the image's entry point is student.sh
    c.DockerSpawner.volumes = {"tunelab-{username}": "/home/node"}
    c.DockerSpawner.notebook_dir = "/home/node/tunelab"
    c.DockerSpawner.remove = True  # the container, when it stops; the volume stays
    c.DockerSpawner.mem_limit = setting("TUNELAB_MEMORY", "4G")
    c.DockerSpawner.cpu_limit = float(setting("TUNELAB_CPUS", "2"))
    c.DockerSpawner.extra_host_config = {"security_opt": ["no-new-privileges"]}
    c.JupyterHub.hub_ip = setting("TUNELAB_HUB_IP", "172.17.0.1")

# The hub itself. What it must not lose lies in one folder.
c.JupyterHub.bind_url = f"http://:{setting('TUNELAB_HUB_PORT', '8000')}"
c.JupyterHub.db_url = f"sqlite:///{state / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(state / "jupyterhub_cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(state / "jupyterhub-proxy.pid")
c.JupyterHub.cleanup_servers = False  # a restart of the hub leaves students at work
c.JupyterHub.active_server_limit = int(setting("TUNELAB_MOST", "40"))
c.JupyterHub.concurrent_spawn_limit = 10
