# SPDX-License-Identifier: Apache-2.0
"""Whatever httpd authenticates users by, they own their locks: a login form
with a session cookie, Digest, and TLS client certificates."""

import hashlib
import http.client
import json
import re
import ssl
import subprocess

import pytest

from harness import contract
from harness.httpd import MODULES, PASSWORD
from harness.site import LOCATION, running_site

LOGINS = """
LogLevel info
<Location "/form/locks">
    SetHandler locks
    LocksBase /form/locks
    AuthType Form
    AuthName "The site"
    AuthFormProvider file
    AuthUserFile users
    Session On
    SessionCookieName session path=/;httponly
    SessionCryptoPassphrase something
    <RequireAny>
        Require locks-session PlainUserSession
        Require valid-user
    </RequireAny>
</Location>
<Location "/login">
    SetHandler form-login-handler
    Require all granted
    AuthType Form
    AuthName "The site"
    AuthFormProvider file
    AuthUserFile users
    AuthFormLoginSuccessLocation /index.html
    Session On
    SessionCookieName session path=/;httponly
    SessionCryptoPassphrase something
</Location>
<Location "/digest/locks">
    SetHandler locks
    LocksBase /digest/locks
    AuthType Digest
    AuthName "site"
    AuthDigestProvider file
    AuthUserFile digests
    Require valid-user
</Location>
<Location "/mapped/locks">
    SetHandler locks
    LocksBase /mapped/locks
    LocksUserFormat "expr"
    AuthType Digest
    AuthName "site"
    AuthDigestProvider file
    AuthUserFile digests
    Require valid-user
</Location>
"""
TLS = """
SSLEngine on
SSLCertificateFile {folder}/server.pem
SSLCertificateKeyFile {folder}/server.key
SSLCACertificateFile {folder}/ca.pem
SSLVerifyClient optional
SSLUserName SSL_CLIENT_S_DN_CN
<Location "/locks">
    SSLOptions +StdEnvVars
    LocksUserFormat "%{tolower:%{REMOTE_USER}}"
    Require ssl-verify-client
    SetHandler locks
</Location>
"""


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True,
                   capture_output=True)


def make_certificates(folder):
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
            "/CN=The site's CA", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "2")
    for name in ("server", "Anna"):
        openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj",
                f"/CN={name}", "-keyout", f"{name}.key", "-out",
                f"{name}.csr")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA",
                "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                "2", "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def site(certificates):
    text = LOGINS.replace('"expr"', '"%{tolower:%{REMOTE_USER}}"')
    with running_site(
            modules=(*MODULES, "request", "session", "session_cookie",
                     "session_crypto", "auth_form", "auth_digest", "ssl",
                     "socache_shmcb"),
            location=LOCATION + text,
            vhosts={"tls": TLS.replace("{folder}", str(certificates))},
            ) as site:
        site.httpd.write_users("anna", "ben")
        (site.httpd.folder / "digests").write_text("".join(
            f"{name}:site:{hash_of(name, 'site', PASSWORD)}\n"
            for name in ("anna", "ANNA")))
        yield site


@pytest.fixture
def course(site):
    course = site.course()
    site.permit(course, "anna", "ben")
    return course


def hash_of(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


# ---- A login form ----

def logged_in(site, name):
    """A browser after the site's login."""
    answer = site.client().raw(
        "POST", "/login",
        [("Content-Type", "application/x-www-form-urlencoded")],
        f"httpd_username={name}&httpd_password={PASSWORD}".encode(),
        checked=False)
    assert answer.status == 302, answer
    cookie = answer.header("Set-Cookie").split(";")[0]
    return site.client(base="/form/locks", user_id=name,
                       headers=[("Cookie", cookie)])


def test_login_form(site, course):
    anna, ben = logged_in(site, "anna"), logged_in(site, "ben")
    lock = contract.granted(anna.lock(course, "g1"), course, "g1", "anna",
                            base="/form/locks")
    contract.taken(ben.lock(course, "g1"))
    contract.forbidden(ben.unlock(lock["id"]))
    assert contract.held(ben.locks(course))["g1"] == ("anna", lock["id"])
    contract.released(anna.unlock(lock["id"]))


def test_login_form_and_sessions_side_by_side(site, course):
    anna = logged_in(site, "anna")
    user = site.user(course).at(base="/form/locks")
    contract.granted(anna.lock(course, "g1"), owner="anna",
                     base="/form/locks")
    contract.granted(user.lock(course, "g2"), owner=user.user_id,
                     base="/form/locks")
    both = logged_in(site, "anna")
    both.sid = user.sid
    contract.granted(both.lock(course, "g3"), owner=user.user_id,
                     base="/form/locks")
    both.sid = "unknown"
    contract.unauthorized(both.lock(course, "g3"))


def test_without_login(site, course):
    nobody = site.client(base="/form/locks")
    contract.unauthorized(nobody.locks(course))
    forged = site.client(base="/form/locks",
                         headers=[("Cookie", "session=anna")])
    contract.unauthorized(forged.lock(course, "g1"))


def test_cookie_of_a_user_on_another_sites_page(site, course):
    anna = logged_in(site, "anna")
    anna.headers.append(("Origin", "https://evil.example"))
    contract.error(anna.lock(course, "g1"), 403,
                   "Requests of other sites are refused")


# ---- Digest ----

class Digest:
    """Someone who answers to a challenge of RFC 7616."""

    def __init__(self, site, name, base):
        self._client = site.client(base=base)
        self._name = name

    def request(self, method, path, body=None):
        headers = [("Content-Type", "application/json")]
        answer = self._client.raw(method, path, headers, body)
        assert answer.status == 401
        challenge = answer.header("WWW-Authenticate")
        nonce = re.search(r'nonce="([^"]+)"', challenge).group(1)
        response = hash_of(hash_of(self._name, "site", PASSWORD), nonce,
                           "00000001", "c", "auth", hash_of(method, path))
        headers.append((
            "Authorization",
            f'Digest username="{self._name}", realm="site", nonce="{nonce}",'
            f' uri="{path}", qop=auth, nc=00000001, cnonce="c",'
            f' response="{response}", algorithm=MD5'))
        return self._client.raw(method, path, headers, body)


def request_for(course, gadget):
    return json.dumps({"type": "gadget", "subject": {
        "courseId": course.id, "gadgetId": gadget}}).encode()


def test_digest(site, course):
    anna = Digest(site, "anna", "/digest/locks")
    lock = contract.granted(
        anna.request("POST", "/digest/locks", request_for(course, "g1")),
        course, "g1", "anna", base="/digest/locks")
    contract.released(anna.request("DELETE", f"/digest/locks/{lock['id']}"))


def test_names_are_mapped(site, course):
    session = site.client(site.session({"sessionType": "PlainUserSession",
                                        "userId": "anna"}))
    lock = contract.granted(session.lock(course, "g1"), owner="anna")
    upper = Digest(site, "ANNA", "/mapped/locks")
    again = contract.granted(
        upper.request("POST", "/mapped/locks", request_for(course, "g1")),
        owner="anna", base="/mapped/locks")
    assert again["id"] == lock["id"]


# ---- TLS client certificates ----

def over_tls(site, certificates, name, method, path, body=None):
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    context.check_hostname = False
    if name is not None:
        context.load_cert_chain(certificates / f"{name}.pem",
                                certificates / f"{name}.key")
    connection = http.client.HTTPSConnection(*site.httpd.addresses["tls"],
                                             timeout=30, context=context)
    connection.request(method, path, body,
                       {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = json.loads(response.read())
    connection.close()
    return response.status, text


def test_client_certificate(site, certificates, course):
    status, lock = over_tls(site, certificates, "Anna", "POST", "/locks",
                            request_for(course, "g1"))
    assert (status, lock["ownerId"]) == (201, "anna")
    assert over_tls(site, certificates, "Anna", "DELETE",
                    f"/locks/{lock['id']}") == (200, {})
    assert over_tls(site, certificates, None, "POST", "/locks",
                    request_for(course, "g1")) == (
        403, {"error": 403, "message": "Insufficient permissions"})


# ---- OpenID Connect ----

OPENID_CONNECT = """
OIDCProviderMetadataURL https://op.example/.well-known/openid-configuration
OIDCClientID me
OIDCClientSecret secret
OIDCRedirectURI /oidc
OIDCCryptoPassphrase something
<Location "/openid/locks">
    SetHandler locks
    LocksBase /openid/locks
    AuthType openid-connect
    <RequireAny>
        Require locks-session PlainUserSession
        Require valid-user
    </RequireAny>
    LocksUserFormat "%{REMOTE_USER}"
    OIDCUnAuthAction 401
</Location>
"""


def test_beside_mod_auth_openidc():
    with running_site(modules=(*MODULES, "auth_openidc"),
                      location=LOCATION + OPENID_CONNECT) as site:
        course = site.course()
        user = site.user(course).at(base="/openid/locks")
        contract.granted(user.lock(course, "g1"), owner=user.user_id,
                         base="/openid/locks")
        for sid in (None, "unknown"):
            client = site.client(sid, base="/openid/locks")
            contract.unauthorized(client.locks(course))
