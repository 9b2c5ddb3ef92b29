"""A Hub on this machine: the part of its HTTP interface that pushing and loading an agent use."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LocalHub:
    """Repositories, each a list of commits; a commit is its files by name."""

    def __init__(self) -> None:
        self.repos: dict[str, list[dict[str, bytes]]] = {}
        self.private: dict[str, bool] = {}
        self.messages: list[str] = []
        self.asked: list[str] = []
        """every request, as "GET path" """
        self.address = ""
        """where it is served"""
        self.tokens: set[str | None] = set()

    def commit(self, repo_id: str, **files: bytes) -> None:
        """What somebody else pushes; ``__`` in a name stands for its dot."""
        before = self.repos.setdefault(repo_id, [{}])[-1]
        named = {name.replace("__", "."): content for name, content in files.items()}
        self.repos[repo_id].append({**before, **named})

    def sha(self, repo_id: str, number: int) -> str:
        return hashlib.sha1(f"{repo_id} {number}".encode()).hexdigest()

    def at(self, repo_id: str, revision: str) -> tuple[str, dict[str, bytes]]:
        """The commit of a revision, and its files."""
        commits = self.repos[repo_id]
        shas = [self.sha(repo_id, number) for number in range(len(commits))]
        number = len(commits) - 1 if revision == "main" else shas.index(revision)
        return shas[number], commits[number]

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        path = path.split("?")[0]
        self.asked.append(f"{method} {path}")
        if path == "/api/repos/create":
            return self._created(json.loads(body))
        if path == "/api/validate-yaml":
            return _said({"errors": [], "warnings": []})
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(\w+)/([^/]+)/?", path)
        if found is not None:
            return self._api(found[1], found[2], found[3], body)
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if found is not None and found[1] in self.repos:
            sha, files = self.at(found[1], found[2])
            if found[3] in files:
                content = files[found[3]]
                named = {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": sha}
                return 200, named, content
        return 404, {"X-Error-Code": "RepoNotFound"}, b""

    def _created(self, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        repo_id = f"{asked.get('organization') or 'me'}/{asked['name']}"
        url = {"url": f"{self.address}/{repo_id}", "name": repo_id}
        if repo_id in self.repos:
            return 409, {}, json.dumps(url).encode()
        self.repos[repo_id] = [{}]
        self.private[repo_id] = asked.get("visibility") == "private" or bool(asked.get("private"))
        return _said(url)

    def _api(
        self, repo_id: str, what: str, revision: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if repo_id not in self.repos:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        sha, files = self.at(repo_id, revision)
        if what == "revision":
            return _said({"id": repo_id, "sha": sha, "siblings": [{"rfilename": n} for n in files]})
        if what == "tree":
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": _oid(content)}
                for name, content in files.items()
            ]
            return _said(entries)
        if what == "preupload":
            names = [file["path"] for file in json.loads(body)["files"]]
            regular = {"uploadMode": "regular", "shouldIgnore": False}
            return _said({"files": [{"path": name, **regular} for name in names]})
        assert what == "commit"
        lines = [json.loads(line) for line in body.splitlines()]
        new = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"])
            for line in lines
            if line["key"] == "file"
        }
        self.messages.append(lines[0]["value"]["summary"])
        self.repos[repo_id].append({**files, **new})
        oid, _ = self.at(repo_id, "main")
        return _said({"commitUrl": f"{self.address}/{repo_id}/commit/{oid}", "commitOid": oid})


def _oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def _said(data: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(data).encode()


@contextmanager
def serving(hub: LocalHub) -> Iterator[None]:
    """Serve it from a thread."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            hub.tokens.add(self.headers.get("Authorization"))
            status, headers, body = hub.answer(self.command, self.path, self.rfile.read(length))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_POST = do_HEAD = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
