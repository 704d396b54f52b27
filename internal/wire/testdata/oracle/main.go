package main

import (
	_ "github.com/golang/protobuf/jsonpb"
	_ "github.com/grpc-ecosystem/grpc-gateway/runtime"
	_ "github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	_ "google.golang.org/protobuf/types/dynamicpb"
)

func main() {}
