// Command oracle records what the real gateway libraries do with the requests of cases.txt. Run it in its own
// directory:
//
//	go run . >../gateway.txt
//
// It builds against grpc-gateway v1.16.0 and v2.27.3 with the marshalers that their muxes use by default.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/url"
	"os"
	"strconv"
	"strings"

	protov1 "github.com/golang/protobuf/proto"
	"github.com/grpc-ecosystem/grpc-gateway/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/utilities"
	runtimev2 "github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/typepb"
)

// defaultV2 is the default of runtime.NewServeMux of v2.
var defaultV2 = &runtimev2.JSONPb{
	MarshalOptions:   protojson.MarshalOptions{EmitUnpopulated: true},
	UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: true},
}

func main() {
	log.SetFlags(0)
	f, err := os.Open("cases.txt")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("# Recorded by testdata/oracle from cases.txt; not to be edited.")
	fmt.Println("# gateway, form, input, answer, detail, tab-separated; the detail of a \"differs\" line is why package wire does not do the same.")
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		record(line)
	}
}

// record runs one case: form, input, and after further tabs the reasons to differ, "v1: …" or "v2: …".
func record(line string) {
	parts := strings.Split(line, "\t")
	form, input := parts[0], parts[1]
	text := input
	if q, ok := strings.CutPrefix(input, "q:"); ok {
		s, err := strconv.Unquote(q)
		if err != nil {
			log.Fatalf("%s: %v", line, err)
		}
		text = s
	}
	for _, gateway := range []string{"v1", "v2"} {
		var out string
		var err error
		if form == "query" {
			if gateway == "v2" {
				continue
			}
			out, err = query(text)
		} else {
			out, err = body(gateway, text)
		}
		answer := "accept " + out
		if err != nil {
			answer = "refuse"
		}
		detail := ""
		for _, reason := range parts[2:] {
			if r, ok := strings.CutPrefix(reason, gateway+": "); ok {
				detail = "differs: " + r
			}
		}
		fmt.Println(strings.TrimRight(strings.Join([]string{gateway, form, input, answer, detail}, "\t"), "\t"))
	}
}

// body reads text as the gateway reads a request body, and writes the message again.
func body(gateway, text string) (string, error) {
	m := dynamicpb.NewMessage(probe())
	var out []byte
	if gateway == "v1" {
		v1 := protov1.MessageV1(m)
		marshaler := &runtime.JSONPb{OrigName: true}
		err := marshaler.NewDecoder(strings.NewReader(text)).Decode(v1)
		if err != nil && err.Error() != "EOF" {
			return "", err
		}
		if out, err = marshaler.Marshal(v1); err != nil {
			return "", err
		}
		return string(out), nil
	}
	err := defaultV2.NewDecoder(strings.NewReader(text)).Decode(m)
	if err != nil && err.Error() != "EOF" {
		return "", err
	}
	if out, err = defaultV2.Marshal(m); err != nil {
		return "", err
	}
	var compact bytes.Buffer
	err = json.Compact(&compact, out)
	return compact.String(), err
}

// query reads text, a query string, into a google.protobuf.Type or Field, whichever its members belong to.
func query(text string) (string, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		log.Fatal(err)
	}
	var m protov1.Message = protov1.MessageV1(&typepb.Field{})
	if strings.HasPrefix(text, "T&") {
		m = protov1.MessageV1(&typepb.Type{})
		values.Del("T")
	}
	if err := runtime.PopulateQueryParameters(m, values, utilities.NewDoubleArray(nil)); err != nil {
		return "", err
	}
	out, err := (&runtime.JSONPb{OrigName: true}).Marshal(m)
	return string(out), err
}
