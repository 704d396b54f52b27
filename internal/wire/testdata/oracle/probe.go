package main

import (
	"log"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
)

// members are those of message Probe, in the order of their declaration: "repeated" if so, type, name, and the oneof.
const members = `
bool flag
string name
int32 i32
uint32 u32
int64 i64
uint64 size
double ratio
bytes payload
.google.protobuf.Timestamp at
.google.protobuf.Duration ttl
State state
Probe child
repeated string tags
repeated uint64 sizes
repeated Probe children
repeated State states
repeated LabelsEntry labels
repeated KidsEntry kids
.google.protobuf.Int32Value boxed
.google.protobuf.BytesValue token
string pickA oneof
string pickB oneof
Probe pickC oneof
`

var kinds = map[string]descriptorpb.FieldDescriptorProto_Type{
	"bool":   descriptorpb.FieldDescriptorProto_TYPE_BOOL,
	"string": descriptorpb.FieldDescriptorProto_TYPE_STRING,
	"int32":  descriptorpb.FieldDescriptorProto_TYPE_INT32,
	"uint32": descriptorpb.FieldDescriptorProto_TYPE_UINT32,
	"int64":  descriptorpb.FieldDescriptorProto_TYPE_INT64,
	"uint64": descriptorpb.FieldDescriptorProto_TYPE_UINT64,
	"double": descriptorpb.FieldDescriptorProto_TYPE_DOUBLE,
	"bytes":  descriptorpb.FieldDescriptorProto_TYPE_BYTES,
	"State":  descriptorpb.FieldDescriptorProto_TYPE_ENUM,
}

func field(line string, number int) *descriptorpb.FieldDescriptorProto {
	words := strings.Fields(line)
	f := &descriptorpb.FieldDescriptorProto{
		Number: proto.Int32(int32(number)),
		Label:  descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
	if words[0] == "repeated" {
		f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		words = words[1:]
	}
	f.Name = proto.String(words[1])
	if len(words) > 2 {
		f.OneofIndex = proto.Int32(0)
	}
	kind, scalar := kinds[words[0]]
	if !scalar {
		kind = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
	}
	f.Type = kind.Enum()
	switch {
	case strings.HasSuffix(words[0], "Entry"):
		f.TypeName = proto.String(".oracle.Probe." + words[0])
	case words[0][0] == '.':
		f.TypeName = proto.String(words[0])
	case words[0] == "Probe" || words[0] == "State":
		f.TypeName = proto.String(".oracle." + words[0])
	}
	return f
}

func entry(name, value string) *descriptorpb.DescriptorProto {
	return &descriptorpb.DescriptorProto{
		Name:    proto.String(name),
		Field:   []*descriptorpb.FieldDescriptorProto{field("string key", 1), field(value+" value", 2)},
		Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
	}
}

// probe describes message Probe, which has a member of every kind that package wire knows.
func probe() protoreflect.MessageDescriptor {
	m := &descriptorpb.DescriptorProto{
		Name:       proto.String("Probe"),
		OneofDecl:  []*descriptorpb.OneofDescriptorProto{{Name: proto.String("pick")}},
		NestedType: []*descriptorpb.DescriptorProto{entry("LabelsEntry", "string"), entry("KidsEntry", "Probe")},
	}
	for i, line := range strings.Split(strings.TrimSpace(members), "\n") {
		m.Field = append(m.Field, field(line, i+1))
	}
	state := &descriptorpb.EnumDescriptorProto{
		Name:    proto.String("State"),
		Options: &descriptorpb.EnumOptions{AllowAlias: proto.Bool(true)},
	}
	for _, v := range []struct {
		name   string
		number int32
	}{{"Unknown", 0}, {"Active", 1}, {"EncryptingDEKs", 2}, {"EncryptyingDEKs", 2}, {"sectorSize_4K", 4096}} {
		state.Value = append(state.Value, &descriptorpb.EnumValueDescriptorProto{Name: proto.String(v.name), Number: proto.Int32(v.number)})
	}
	f, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name:        proto.String("oracle.proto"),
		Package:     proto.String("oracle"),
		Syntax:      proto.String("proto3"),
		Dependency:  []string{"google/protobuf/timestamp.proto", "google/protobuf/duration.proto", "google/protobuf/wrappers.proto"},
		MessageType: []*descriptorpb.DescriptorProto{m},
		EnumType:    []*descriptorpb.EnumDescriptorProto{state},
	}, protoregistry.GlobalFiles)
	if err != nil {
		log.Fatal(err)
	}
	return f.Messages().ByName("Probe")
}
