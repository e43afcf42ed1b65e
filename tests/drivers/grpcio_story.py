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
        """The arguments of `channel.unary_unary` and the like, and the request as a message."""
        service, method = name.split("/")
        descriptor = self._pool.FindServiceByName(service).methods_by_name[method]
        request_class = message_factory.GetMessageClass(descriptor.input_type)
        response_class = message_factory.GetMessageClass(descriptor.output_type)
        arguments = (f"/{name}", request_class.SerializeToString, response_class.FromString)
        return arguments, json_format.ParseDict(request, request_class())


class Client:
    def __init__(self):
        self._services = {}

    def call(self, method, caller, request):
        service, metadata = self._service(method), story.caller_metadata(caller)
        arguments, message = service.method(method, request)
        try:
            response = service.channel.unary_unary(*arguments)(
                message, timeout=story.CALL_LIMIT, metadata=tuple(metadata.items())
            )
        except grpc.RpcError as error:
            return end_of(error)
        return story.outcome("OK", response=to_json(response))

    def open(self, method, caller, request):
        service, metadata = self._service(method), story.caller_metadata(caller)
        arguments, message = service.method(method, request)
        call = service.channel.unary_stream(*arguments)(message, metadata=tuple(metadata.items()))
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
    infos = []
    for detail in status.details if status else []:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            infos.append((info.reason, info.domain, dict(info.metadata)))
    return story.outcome(call.code().name, call.details(), infos)


def to_json(message):
    return json_format.MessageToDict(message, always_print_fields_with_no_presence=True)


if __name__ == "__main__":
    story.main(Client())
