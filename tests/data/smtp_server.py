"""A mail server for the tests: Debian's aiosmtpd, told by its arguments how to behave.

smtp_server.py PORT MODE OUT [CERT KEY], with MODE one of starttls, tls, plain, no-starttls, refuse,
hang. Each mail is a line of JSON in OUT. Says "ready" on standard error.
"""

import asyncio
import json
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

port, mode, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = {
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "authenticated": bool(session.authenticated),
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "data": envelope.content.decode("utf-8", "replace"),
        }
        with open(out, "a") as file:
            file.write(json.dumps(mail) + "\n")
        return "550 5.7.1 no mail for you" if mode == "refuse" else "250 2.0.0 taken"

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        if mode == "hang":
            await asyncio.sleep(60)
        return responses


def authenticate(server, session, envelope, mechanism, data):
    is_right = (data.login, data.password) == (b"haproxy", b"correct horse")
    return AuthResult(success=is_right, handled=False)


settings = {}
if mode in ("starttls", "tls"):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    settings["auth_required"] = True
    settings["authenticator"] = authenticate
    if mode == "starttls":
        settings["tls_context"] = context
        settings["require_starttls"] = True
    else:
        settings["ssl_context"] = context
        settings["auth_require_tls"] = False

Controller(Handler(), hostname="127.0.0.1", port=port, **settings).start()
print("ready", file=sys.stderr, flush=True)
while True:
    time.sleep(60)
