"""A machine for tests: boots for a while, then answers HTTP and counts who asked, in the current folder.

    machine.py NAME PORT BOOT_SECONDS WORKERS MS COLD_REQUESTS COLD_MS

Each request takes MS, WORKERS at a time; the first COLD_REQUESTS take COLD_MS more. `/?ms=3000` takes so
much longer. It ends when its folder goes away.
"""
import os
import signal
import socket
import sys
import threading
import time

name, port = sys.argv[1], int(sys.argv[2])
boot, workers, ms, cold, cold_ms = (float(it) for it in sys.argv[3:8])
turns = threading.Semaphore(int(workers))
lock = threading.Lock()
users, asked = 0, 0


def append(file, text):
    with open(file, "ab", 0) as it:
        it.write(text.encode() + b"\n")


def haproxy_says():
    """Its status and sessions; nothing where HAProxy does not answer."""
    try:
        with open("admin") as file, socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(2)
            admin.connect(file.read().strip())
            admin.sendall(b"show stat web 4 -1\n")
            rows = admin.makefile().read().splitlines()
    except OSError:
        return None
    columns = rows[0].lstrip("# ").split(",")
    rows = (dict(zip(columns, row.split(","))) for row in rows[1:])
    return next(((row["status"], row["scur"]) for row in rows if row.get("svname") == name), None)


def stop(_signal, _frame):
    says = haproxy_says()
    if users or says not in (None, ("MAINT", "0")):
        append("faults", f"{name}: stopped with {users} users on it, HAProxy says {says}")
    os._exit(0)


def watch():
    while os.path.exists("machine.py"):
        time.sleep(0.3)
    os._exit(0)


def answer(stream):
    global users, asked
    head = b""
    while b"\r\n\r\n" not in head:
        piece = stream.recv(4096)
        if not piece:
            return
        head += piece
    path = head.split(b" ", 2)[1].decode()
    is_check = path == "/health"
    is_user = not is_check and b"haproxy-autoscale" not in head
    with lock:
        is_cold = not is_check and asked < cold
        asked += not is_check
        users += is_user
    try:
        append(f"{name}.visits", "check" if is_check else "user" if is_user else "warm-up")
        if not is_check:
            with turns:
                time.sleep((ms + cold_ms * is_cold) / 1000)
        if "?ms=" in path:
            time.sleep(int(path.split("?ms=")[1]) / 1000)
        if is_user and is_cold:
            append("faults", f"{name}: cold for a user")
        head = f"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Server: {name}\r\nConnection: close\r\n\r\n"
        stream.sendall(head.encode() + b"ok\n")
    finally:
        with lock:
            users -= is_user


def serve(stream):
    try:
        with stream:
            answer(stream)
    except OSError:
        pass


signal.signal(signal.SIGTERM, stop)
threading.Thread(target=watch, daemon=True).start()
time.sleep(boot)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
listener.listen(256)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
