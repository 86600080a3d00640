#!/usr/bin/python3
# A fence agent on Debian's fencing.py that needs no hardware: a machine is a file in a folder, its state what
# stands in it. It has several machines, unlike fence_dummy, and states that are neither on nor off.
import os
import sys

sys.path.append("/usr/share/fence")
from fencing import *  # noqa: E402,F403


def path(options):
    return os.path.join(options["--folder"], options["--plug"])


def state(_, options):
    with open(path(options)) as file:
        return file.read().strip()


def set_state(_, options):
    if state(_, options) != "stuck":
        with open(path(options), "w") as file:
            file.write(options["--action"])


def machines(_, options):
    folder = options["--folder"]
    return {name: ("", None) for name in os.listdir(folder)}


all_opt["folder"] = {
    "getopt": ":",
    "longopt": "folder",
    "help": "--folder=[folder]  The folder of the machines",
    "required": "1",
    "shortdesc": "The folder of the machines",
    "order": 1,
}
options = check_input(["no_password", "no_login", "port", "folder"], process_input(["no_password", "no_login", "port", "folder"]))
sys.exit(fence_action(None, options, set_state, state, machines))
