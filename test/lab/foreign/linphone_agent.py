#!/usr/bin/env python3
"""linphone_agent.py USER PASSWORD DOMAIN REGISTRAR-PORT EVENT DIRECTORY: liblinphone as a user agent, told what to do through its C interface.

Registers, SUBSCRIBEs to EVENT of its own user, and prints one JSON object a line for what it sees. A line on standard input ends
the subscription, the end of the input ends the program. None of this knows Herald: the SIP is Belledonne's.
"""
import ctypes
import json
import os
import select
import sys
import time

CONTACT = '+g.oma.pusheventapp="news.ua"'
REGISTRATION = {1: "progress", 2: "registered", 3: "cleared", 4: "failed"}
SUBSCRIPTION = {1: "outgoing", 2: "incoming", 3: "pending", 4: "active", 5: "terminated", 6: "error", 7: "expiring"}


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Library:
    """Every function takes and gives pointers unless said otherwise."""

    def __init__(self, name):
        self.library = ctypes.CDLL(name)

    def __getattr__(self, name):
        function = getattr(self.library, "linphone_" + name)

        def call(*arguments, result=ctypes.c_void_p):
            function.restype = result
            return function(*[ctypes.c_char_p(value.encode()) if isinstance(value, str) else
                              ctypes.c_int(value) if isinstance(value, bool) else
                              ctypes.c_void_p(value) if isinstance(value, int) and value > 2**31 else value for value in arguments])
        return call


def text(value):
    return value.decode(errors="replace") if value else ""


def main():
    user, secret, domain, port, event, directory = sys.argv[1:7]
    os.environ["HOME"] = directory
    phone = Library("liblinphone.so.10")
    factory = phone.factory_get()
    for kind in ("config", "data", "download"):
        getattr(phone, f"factory_set_{kind}_dir")(factory, directory)
    core = phone.factory_create_core_3(factory, None, None, None)
    transports = phone.factory_create_transports(factory)
    phone.transports_set_udp_port(transports, ctypes.c_int(-1))
    for other in ("tcp", "tls", "dtls"):
        getattr(phone, f"transports_set_{other}_port")(transports, ctypes.c_int(0))
    phone.core_set_transports(core, transports)
    phone.core_enable_ipv6(core, False)

    on_registration = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, ctypes.c_int, ctypes.c_char_p)(
        lambda _core, _account, state, why: tell(REGISTRATION.get(state, str(state)), message=text(why)))
    on_message = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(
        lambda _core, _room, message: tell("message", text=text(phone.chat_message_get_text_content(message, result=ctypes.c_char_p))
                                           or text(phone.chat_message_get_utf8_text(message, result=ctypes.c_char_p)),
                                           type=text(phone.chat_message_get_content_type(message, result=ctypes.c_char_p))))
    on_notify = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, ctypes.c_char_p, ctypes.c_void_p)(
        lambda _core, _event, name, content: tell("notify", package=text(name), **({} if not content else {
            "type": text(phone.content_get_type(content, result=ctypes.c_char_p)) + "/" + text(phone.content_get_subtype(content, result=ctypes.c_char_p)),
            "text": text(phone.content_get_utf8_text(content, result=ctypes.c_char_p))})))
    on_subscription = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, ctypes.c_int)(
        lambda _core, _event, state: tell("subscription", state=SUBSCRIPTION.get(state, str(state))))
    callbacks = phone.factory_create_core_cbs(factory)
    phone.core_cbs_set_account_registration_state_changed(callbacks, on_registration)
    phone.core_cbs_set_message_received(callbacks, on_message)
    phone.core_cbs_set_notify_received(callbacks, on_notify)
    phone.core_cbs_set_subscription_state_changed(callbacks, on_subscription)
    phone.core_add_callbacks(core, callbacks)
    phone.core_start(core, result=ctypes.c_int)

    phone.core_add_auth_info(core, phone.factory_create_auth_info(factory, user, f"{user}@{domain}", secret, None, domain, domain))
    parameters = phone.core_create_account_params(core)
    phone.account_params_set_identity_address(parameters, phone.factory_create_address(factory, f"sip:{user}@{domain}"))
    phone.account_params_set_server_address(parameters, phone.factory_create_address(factory, f"sip:127.0.0.1:{port};transport=udp"))
    phone.account_params_set_register_enabled(parameters, True)
    phone.account_params_set_contact_parameters(parameters, CONTACT)
    account = phone.core_create_account(core, parameters)
    phone.core_add_account(core, account)
    phone.core_set_default_account(core, account)

    subscription, watched, end = None, None, time.monotonic() + 120
    while time.monotonic() < end:
        phone.core_iterate(core)
        if not subscription and phone.account_get_state(account, result=ctypes.c_int) == 2:
            watched = phone.factory_create_address(factory, f"sip:{user}@{domain}")
            subscription = phone.core_create_subscribe(core, watched, event, ctypes.c_int(600))
            phone.event_add_custom_header(subscription, "Accept", "text/plain, multipart/mixed, application/vnd.oma.push")
            if phone.event_send_subscribe(subscription, None, result=ctypes.c_int) != 0:
                tell("error", what="SUBSCRIBE not sent")
        readable, _, _ = select.select([sys.stdin], [], [], 0.02)
        if readable:
            if not sys.stdin.readline():
                break
            phone.event_terminate(subscription)
    phone.core_stop(core)


if __name__ == "__main__":
    main()
