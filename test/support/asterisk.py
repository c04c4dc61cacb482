"""A spool as Asterisk's app_voicemail lays it out, and the e-mails that it pipes into mailcmd."""

import base64
import pathlib
import shutil

ORIGTIME = 1795600800  # when message 0 of a folder was left


def lay(spool, box, number, audio, msg_id, folder="INBOX", caller='"Anna Lee" <5550100>',
        flag="", duration=1, extension="wav", context="default"):
    """A message as app_voicemail lays it out: the recording first, then the text, under a lock."""
    place = spool / context / box / folder
    place.mkdir(parents=True, exist_ok=True)
    lock = place / ".lock"
    lock.touch()
    name = place / f"msg{number:04d}"
    shutil.copy(audio, f"{name}.{extension}")
    identity = f"msg_id={msg_id}\n" if msg_id else ""
    pathlib.Path(f"{name}.txt").write_text(
        ";\n; Message Information file\n;\n[message]\n"
        f"origmailbox={box}\ncontext=from-trunk\nmacrocontext=\nexten={box}\nrdnis=unknown\n"
        f"priority=2\ncallerchan=SIP/trunk-0000002a\ncallerid={caller}\n"
        f"origdate=Wed Nov 25 10:00:00 AM UTC 2026\norigtime={ORIGTIME + number}\ncategory=\n"
        f"{identity}flag={flag}\nduration={duration}\n")
    lock.unlink()
    return name


def mailcmd_email(box, number, audio, to, extra=""):
    """What app_voicemail writes for mailcmd: LF, no context, no id."""
    encoded = base64.encodebytes(audio.read_bytes()).decode()
    boundary = f"----voicemail_{number + 1}{box}47111"
    return (f"Date: Wed, 25 Nov 2026 10:00:05 +0000\nFrom: \"Asterisk PBX\" <asterisk@pbx1>\n"
            f"To: \"Somebody\" <{to}>\nSubject: [PBX]: New message {number + 1} in mailbox {box}\n"
            f"Message-ID: <Asterisk-{number + 1}-1804289383-{box}-4711@pbx1>\n{extra}"
            "X-Asterisk-CallerID: 5550100\nX-Asterisk-CallerIDName: Anna Lee\nMIME-Version: 1.0\n"
            f"Content-Type: multipart/mixed; boundary=\"{boundary}\"\n\n\n"
            f"This is a multi-part message in MIME format.\n\n--{boundary}\n"
            "Content-Type: text/plain; charset=ISO-8859-1\nContent-Transfer-Encoding: 8bit\n\n"
            f"Dear Somebody:\n\n--{boundary}\n"
            f"Content-Type: audio/x-wav; name=\"msg{number:04d}.wav\"\n"
            "Content-Transfer-Encoding: base64\n"
            "Content-Description: Voicemail sound attachment.\n"
            f"Content-Disposition: attachment; filename=\"msg{number:04d}.wav\"\n\n"
            f"{encoded}\n\n--{boundary}--\n.\n")
