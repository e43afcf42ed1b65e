"""Plays a story through grpcio, with the API from server reflection."""

import threading

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

import story


class Service:
    """One of the two services: a channel, and the messages that the server itself describes."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self._pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))

    def method(self, name, request):
        """The arguments of `channel.unary_unary` and the like, and the request as a message, or as an iterator of them."""
        service, method = name.split("/")
        descriptor = self._pool.FindServiceByName(service).methods_by_name[method]
        request_class = message_factory.GetMessageClass(descriptor.input_type)
        response_class = message_factory.GetMessageClass(descriptor.output_type)
        arguments = (f"/{name}", request_class.SerializeToString, response_class.FromString)
        if isinstance(request, list):
            return arguments, iter([json_format.ParseDict(one, request_class()) for one in request])
        return arguments, json_format.ParseDict(request, request_class())


class Client:
    def __init__(self):
        self._services = {}

    def call(self, method, metadata, request):
        service = self._service(method)
        arguments, message = service.method(method, request)
        try:
            response = service.channel.unary_unary(*arguments)(
                message, timeout=story.CALL_LIMIT, metadata=tuple(metadata.items())
            )
        except grpc.RpcError as error:
            return end_of(error)
        return story.outcome("OK", response=to_json(response))

    def open(self, method, metadata, request):
        service = self._service(method)
        arguments, message = service.method(method, request)
        kind = service.channel.stream_stream if isinstance(request, list) else service.channel.unary_stream
        call = kind(*arguments)(message, metadata=tuple(metadata.items()))
        stream = story.Stream()
        threading.Thread(target=read, args=(call, stream), daemon=True).start()
        return stream

    def close(self):
        for service in self._services.values():
            service.channel.close()

    def _service(self, method):
        address = story.address_of(method)
        if address not in self._services:
            self._services[address] = Service(address)
        return self._services[address]


def read(call, stream):
    try:
        for frame in call:
            stream.put_frame(to_json(frame))
    except grpc.RpcError:
        pass
    stream.put_end(end_of(call))


def end_of(call):
    if call.code() is grpc.StatusCode.OK:
        return story.outcome("OK")
    status = rpc_status.from_call(call)
    if status and status.ByteSize() + len(status.message) > story.STATUS_LIMIT:
        return story.outcome("a status of more than 2 kB", call.details())
    infos, fields = [], []
    for detail in status.details if status else []:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            infos.append((info.reason, info.domain, dict(info.metadata)))
        elif detail.Unpack(bad):
            fields += [violation.field for violation in bad.field_violations]
    return story.outcome(call.code().name, call.details(), infos, fields)


def to_json(message):
    return json_format.MessageToDict(message, always_print_fields_with_no_presence=True)


if __name__ == "__main__":
    story.main(Client())
