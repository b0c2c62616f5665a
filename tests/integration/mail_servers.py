# SPDX-License-Identifier: Apache-2.0
"""Mail servers for what campaign sends, on 127.0.0.1 and a free port: Exim for the mail that arrives, and a scripted one (aiosmtpd)
for what no real server can be made to do."""
import asyncio
import email
import email.policy
import grp
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile

import pytest
from aiosmtpd.controller import Controller

from suite import Ports, wait_for

EXIM = "/usr/sbin/exim4"

# Takes mail for example.com, except for "nobody", and puts it into a Maildir; relays nothing, touches nothing of the system's.
CONFIGURATION = """\
exim_user = {user}
exim_group = {group}
admin_groups = {group}
spool_directory = {top}/spool
log_file_path = {top}/%slog
pid_file_path = {top}/pid
primary_hostname = mail.example.com
keep_environment =
host_lookup =
smtputf8_advertise_hosts = *
smtp_accept_max = 0
deliver_drop_privilege = true
tls_advertise_hosts = {tls}
tls_certificate = {top}/certificate.pem
tls_privatekey = {top}/key.pem
acl_smtp_rcpt = recipient
acl_smtp_data = accept
begin acl
recipient:
  deny condition = {needs_login}
       !authenticated = *
       message = who are you?
  deny local_parts = nobody
       message = no such user
  accept domains = example.com
  deny message = this is no relay
begin routers
here:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = {top}/mail
  maildir_format
  envelope_to_add
  user = {user}
  group = {group}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_advertise_condition = ${{if def:tls_in_cipher}}
  server_condition = ${{if and{{{{eq{{$auth2}}{{brand}}}}{{eq{{$auth3}}{{s3cret}}}}}}}}
  server_set_id = $auth2
"""


class MailServer:
    """Exim without any privilege, in a directory of its own. `tls`: offers STARTTLS, with the certificate at `certificate`; and
    `needs_login`: as brand, with s3cret, once encrypted."""

    def __init__(self, tls=False, needs_login=False):
        if not os.access(EXIM, os.X_OK):
            pytest.skip("no Exim here; ./dev setup installs it where there is no other mail server")
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="quanyu-mail-"))
        self.port = Ports.take()
        self.url = f"smtp://127.0.0.1:{self.port}"
        self.certificate = self.top / "certificate.pem"
        self.process = None
        # Exim has no use for root; for whoever else runs the tests it runs as they are.
        self.user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        group = grp.getgrgid(self.user.pw_gid if os.getuid() == 0 else os.getgid())
        self.group = group.gr_gid
        if tls:
            self.make_certificate()
        (self.top / "mail").mkdir()
        (self.top / "spool").mkdir()
        self.configuration = self.top / "exim.conf"
        self.configuration.write_text(CONFIGURATION.format(
            top=self.top, user=self.user.pw_name, group=group.gr_name, tls="*" if tls else "",
            needs_login="true" if needs_login else "false"))
        if os.getuid() == 0:
            for path in [self.top, *self.top.iterdir()]:
                os.chown(path, self.user.pw_uid, self.group)

    def make_certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.top / "key.pem",
                        "-out", self.certificate], check=True, capture_output=True)

    def start(self):
        identity = {"user": self.user.pw_uid, "group": self.group, "extra_groups": [self.group]} if os.getuid() == 0 else {}
        with open(self.top / "output", "ab") as output:
            self.process = subprocess.Popen([EXIM, "-C", self.configuration, "-bdf", "-oX", f"[127.0.0.1]:{self.port}"],
                                            cwd=self.top, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **identity)
        wait_for(self.listens, "Exim listens")
        return self

    def listens(self):
        assert self.process.poll() is None, (self.top / "output").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def mails(self):
        """What has been delivered, in no order."""
        return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                for path in (self.top / "mail" / "new").glob("*")]

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.stop()
        shutil.rmtree(self.top, ignore_errors=True)


class ScriptedMailServer:
    """Takes the content of each mail, and then does what the recipient's name says: "hang" never answers, "close" closes."""

    def __init__(self):
        self.recipients = []
        self.controller = Controller(self, hostname="127.0.0.1", port=Ports.take())
        self.url = f"smtp://127.0.0.1:{self.controller.port}"

    async def handle_DATA(self, server, session, envelope):
        self.recipients += envelope.rcpt_tos
        if envelope.rcpt_tos[0].startswith("hang@"):
            await asyncio.Event().wait()
        server.transport.close()
        return "451 nobody hears this"

    def __enter__(self):
        self.controller.start()
        return self

    def __exit__(self, *error):
        self.controller.stop()
