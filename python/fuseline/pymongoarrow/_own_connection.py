"""A PyMongo collection with a query, or with rows to insert, as what our own connection takes: the same servers,
credentials and options, and none of PyMongo's work for each document. What cannot be carried over is refused, with the
reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import bson
import pymongo
from pymongo.collection import Collection

# Kept from before anybody replaced them: a test's mock wants to be called.
_METHODS = {
    "find_raw_batches": Collection.find_raw_batches,
    "aggregate_raw_batches": Collection.aggregate_raw_batches,
    "insert_many": Collection.insert_many,
}

# Options of a client that change nothing for a read of ours, or that `_uri` carries over.
_CARRIED = {
    "appname",
    "authmechanism",
    "authsource",
    "compressors",
    "connect",
    "connecttimeoutms",
    "directconnection",
    "document_class",
    "heartbeatfrequencyms",
    "journal",
    "localthresholdms",
    "maxconnecting",
    "maxidletimems",
    "maxpoolsize",
    "minpoolsize",
    "password",
    "readconcernlevel",
    "readpreference",
    "replicaset",
    "retryreads",
    "retrywrites",
    "serverselectiontimeoutms",
    "ssl",
    "tls",
    "tlsallowinvalidcertificates",
    "tlscafile",
    "tlscertificatekeyfile",
    "type_registry",
    "tz_aware",
    "tzinfo",
    "unicode_decode_error_handler",
    "username",
    "uuidrepresentation",
    "w",
    "waitqueuetimeoutms",
    "wtimeoutms",
}
_MECHANISMS = {"DEFAULT", "SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN", "MONGODB-X509"}

# PyMongo's names of `find`'s options, in the server's words.
_FIND_OPTIONS = {
    "allow_disk_use": "allowDiskUse",
    "allow_partial_results": "allowPartialResults",
    "comment": "comment",
    "let": "let",
    "limit": "limit",
    "max_time_ms": "maxTimeMS",
    "no_cursor_timeout": "noCursorTimeout",
    "skip": "skip",
}
_AGGREGATE_OPTIONS = {"allowDiskUse", "collation", "comment", "hint", "let", "maxTimeMS"}


# Messages under way at the same time, where their order does not matter.
_PARALLEL = 4

# A write concern's parts, and their names in an address.
_CONCERNS = {"w": "w", "j": "journal", "wtimeout": "wtimeoutMS"}


class CannotCarryOverError(Exception):
    """Why PyMongo itself must read or write."""


def find_spec(collection: Any, query: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """What `fuseline._core.MongoReplies` takes for a find."""
    _check(collection, "find_raw_batches")
    extra = _read_concern(collection)
    spec: dict[str, Any] = {"filter": _encoded(collection, query or {})}
    for name, value in options.items():
        if value is None:
            continue
        if name == "projection":
            # An empty one is none.
            if value:
                extra["projection"] = dict(value) if isinstance(value, Mapping) else dict.fromkeys(value, 1)
        elif name == "sort":
            spec["sort"] = _encoded_in_order(collection, _ordered(value))
        elif name == "hint":
            extra["hint"] = value if isinstance(value, str) else _ordered(value)
        elif name == "collation":
            extra["collation"] = getattr(value, "document", value)
        elif name == "batch_size" and value > 0:
            spec["batch_size"] = value
        elif name in _FIND_OPTIONS and not (name == "limit" and value < 0):
            extra[_FIND_OPTIONS[name]] = value
        elif value:
            raise CannotCarryOverError(f"the option `{name}` is in use")
    return _whole(collection, spec, extra)


def aggregate_spec(collection: Any, pipeline: Sequence[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """What `fuseline._core.MongoReplies` takes for an aggregation."""
    _check(collection, "aggregate_raw_batches")
    extra = _read_concern(collection)
    for name, value in options.items():
        if value is None:
            continue
        if name not in _AGGREGATE_OPTIONS:
            raise CannotCarryOverError(f"the option `{name}` is in use")
        if name == "hint" and not isinstance(value, str):
            value = _ordered(value)
        extra[name] = getattr(value, "document", value)
    return _whole(collection, {"pipeline": [_encoded(collection, stage) for stage in pipeline]}, extra)


def insert_spec(collection: Any, exclude_none: bool, ordered: bool) -> dict[str, Any]:
    """What `fuseline._core.mongo_insert` takes for inserts."""
    _check(collection, "insert_many", reads=False)
    return {
        "uri": _uri(collection.database.client, _write_concern(collection)),
        "database": collection.database.name,
        "collection": collection.name,
        "mode": "insert",
        "key": [],
        "ordered": ordered,
        "parallel": 1 if ordered else _PARALLEL,
        "leave_out_nulls": exclude_none,
        "timeout": None,
    }


def _whole(collection: Any, spec: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    spec.update(uri=_uri(collection.database.client), database=collection.database.name, collection=collection.name)
    spec["extra"] = _encoded(collection, extra) if extra else None
    return spec


def _check(collection: Any, method: str, reads: bool = True) -> None:
    if not isinstance(collection, Collection):
        raise CannotCarryOverError("the collection is none of PyMongo's")
    if getattr(type(collection), method) is not _METHODS[method] or method in vars(collection):
        raise CannotCarryOverError(f"`{method}` has been replaced")
    if reads and collection.read_preference != pymongo.ReadPreference.PRIMARY:
        raise CannotCarryOverError("the read preference is not `primary`")
    client = collection.database.client
    listeners = getattr(client, "_event_listeners", None)
    if listeners is None or listeners.enabled_for_commands:
        raise CannotCarryOverError("the client has listeners for commands")
    options = client.options
    if options.auto_encryption_opts is not None or options.timeout is not None or options.load_balanced:
        raise CannotCarryOverError("the client encrypts, has a `timeoutMS` or is load balanced")
    if pymongo._csot.get_timeout() is not None:
        raise CannotCarryOverError("a `pymongo.timeout` is running")


def _uri(client: Any, further: Mapping[str, Any] | None = None) -> str:
    """The client's servers and options as an address, with ``further`` parameters."""
    options = client.options
    given = {str(name).lower(): value for name, value in options._options.items()}
    unknown = sorted(given.keys() - _CARRIED)
    if unknown:
        raise CannotCarryOverError(f"the client has the option `{unknown[0]}`")
    settings = client._topology_settings
    scheme, hosts = "mongodb", sorted(settings.seeds)
    if settings.fqdn:
        scheme, hosts = "mongodb+srv", [(settings.fqdn, None)]
    if not hosts or any(str(host).endswith(".sock") for host, _ in hosts):
        raise CannotCarryOverError("the client uses a local socket")
    places = [(f"[{host}]" if ":" in host else host) + (f":{port}" if port else "") for host, port in hosts]
    user, parameters = _credentials(options.pool_options._credentials)
    for name, value in (
        ("replicaSet", options.replica_set_name),
        ("directConnection", options.direct_connection),
        ("appName", options.pool_options.appname),
        ("compressors", ",".join(given.get("compressors", []))),
        ("tls", given.get("tls", given.get("ssl"))),
        ("tlsCAFile", given.get("tlscafile")),
        ("tlsCertificateKeyFile", given.get("tlscertificatekeyfile")),
        ("tlsAllowInvalidCertificates", given.get("tlsallowinvalidcertificates")),
        ("retryReads", None if options.retry_reads else False),
        ("retryWrites", None if options.retry_writes else False),
        ("serverSelectionTimeoutMS", int(options.server_selection_timeout * 1000)),
        ("connectTimeoutMS", int((options.pool_options.connect_timeout or 0) * 1000)),
        *(further or {}).items(),
    ):
        if value is not None and value != "":
            parameters[name] = str(value).lower() if isinstance(value, bool) else value
    return f"{scheme}://{user}{','.join(places)}/?{urlencode(parameters, quote_via=quote)}"


def _credentials(credentials: Any) -> tuple[str, dict[str, Any]]:
    """User and password as they stand in an address, and the parameters that go with them."""
    if credentials is None:
        return "", {}
    if credentials.mechanism not in _MECHANISMS:
        raise CannotCarryOverError(f"the client logs in by {credentials.mechanism}")
    parameters = {"authSource": credentials.source}
    if credentials.mechanism != "DEFAULT":
        parameters["authMechanism"] = credentials.mechanism
    user = quote(credentials.username or "", safe="")
    password = f":{quote(credentials.password, safe='')}" if credentials.password else ""
    return (f"{user}{password}@" if user else ""), parameters


def _read_concern(collection: Any) -> dict[str, Any]:
    level = collection.read_concern.level
    return {"readConcern": {"level": level}} if level else {}


def _write_concern(collection: Any) -> dict[str, Any]:
    """The collection's write concern as parameters of an address."""
    concern = dict(collection.write_concern.document)
    found = {name: concern.pop(key) for key, name in _CONCERNS.items() if key in concern}
    if concern:
        raise CannotCarryOverError(f"the write concern has `{min(concern)}`")
    if found.get("w") == 0:
        raise CannotCarryOverError("the write concern is `w=0`")
    return found


def _ordered(keys: Any) -> dict[str, Any]:
    """A sort or an index in any of the forms that PyMongo takes."""
    if isinstance(keys, Mapping):
        return dict(keys)
    return dict((key, 1) if isinstance(key, str) else key for key in keys)


def _encoded(collection: Any, document: Any) -> bytes:
    return bytes(bson.encode(document, codec_options=collection.codec_options))


def _encoded_in_order(collection: Any, document: Any) -> bytes:
    """The same with the keys in their order: PyMongo's encoder puts ``_id`` first, but in a document inside another."""
    around = _encoded(collection, {"": document})
    # Length, type byte and empty key before it; the terminator behind.
    return around[6:-1]
