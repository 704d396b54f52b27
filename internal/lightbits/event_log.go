package lightbits

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"storagesim/internal/store"
	"storagesim/internal/varint"
	"storagesim/internal/wire"
)

// Event is an entry of the event log as the API answers it (spec message Event).
type Event struct {
	ID                         string                      `json:"ID"`
	Time                       time.Time                   `json:"Time"`
	Type                       EventType                   `json:"Type"`
	Severity                   EventSeverity               `json:"Severity"`
	EventName                  string                      `json:"EventName"`
	EventCode                  uint32                      `json:"EventCode"`
	ReportingService           EventService                `json:"ReportingService"`
	AssociatedEventID          string                      `json:"AssociatedEventID"`
	Status                     string                      `json:"Status"`
	CauseCode                  uint32                      `json:"CauseCode"`
	Description                string                      `json:"Description"`
	ComponentVolumesInfo       *ComponentVolumesInfo       `json:"ComponentVolumesInfo,oneof,group=ComponentInfo"`
	ComponentNVMeSSDInfo       *ComponentInfo              `json:"ComponentNVMeSSDInfo,oneof,group=ComponentInfo"`
	ComponentNodeInfo          *ComponentInfo              `json:"ComponentNodeInfo,oneof,group=ComponentInfo"`
	ComponentServerInfo        *ComponentInfo              `json:"ComponentServerInfo,oneof,group=ComponentInfo"`
	ComponentClusterInfo       *ComponentInfo              `json:"ComponentClusterInfo,oneof,group=ComponentInfo"`
	ComponentDataIntegrityInfo *ComponentDataIntegrityInfo `json:"ComponentDataIntegrityInfo,oneof,group=ComponentInfo"`
}

// ComponentInfo names the thing that an event is about.
type ComponentInfo struct {
	ID   string `json:"ID"`
	Name string `json:"Name"`
}

// ComponentVolumesInfo names the volumes that an event is about, by project.
type ComponentVolumesInfo struct {
	ProjectVolumesMap map[string]*VolumeComponentInfoList `json:"ProjectVolumesMap"`
}

// VolumeComponentInfoList names volumes of one project.
type VolumeComponentInfoList struct {
	VolumeComponentInfoList []*ComponentInfo `json:"VolumeComponentInfoList"`
}

// ComponentDataIntegrityInfo says where data was found damaged.
type ComponentDataIntegrityInfo struct {
	NodeUUID   string   `json:"NodeUUID"`
	ServerUUID string   `json:"ServerUUID"`
	SSDs       []string `json:"SSDs"`
}

// EventType is the kind of thing an event is about; the API calls it componentType too.
type EventType string

// The types.
const (
	EventCluster           EventType = "Cluster"
	EventNode              EventType = "Node"
	EventVolume            EventType = "Volume"
	EventNVMeSSD           EventType = "NVMeSSD"
	EventServer            EventType = "Server"
	EventDataIntegrity     EventType = "DataIntegrity"
	EventClusterEncryption EventType = "ClusterEncryption"
)

var eventTypeNames = map[string]int32{
	"UnknownType": 0, "Cluster": 1, "Node": 2, "Volume": 3, "NVMeSSD": 4, "Server": 5, "DataIntegrity": 6, "ClusterEncryption": 7,
}

// EnumNumbers is as in the vendor's definition.
func (EventType) EnumNumbers() map[string]int32 { return eventTypeNames }

// EventSeverity is how much an event matters.
type EventSeverity string

// The severities.
const (
	SeverityInfo     EventSeverity = "Info"
	SeverityLow      EventSeverity = "Low"
	SeverityMedium   EventSeverity = "Medium"
	SeverityHigh     EventSeverity = "High"
	SeverityCritical EventSeverity = "Critical"
)

var eventSeverityNames = map[string]int32{"UnkownSeverity": 0, "Info": 1, "Low": 2, "Medium": 3, "High": 4, "Critical": 5}

// EnumNumbers is as in the vendor's definition, its spelling included.
func (EventSeverity) EnumNumbers() map[string]int32 { return eventSeverityNames }

// EventService is the part of the product that reports an event: cluster manager, node manager, API, upgrade manager.
type EventService string

// The services.
const (
	ServiceCM  EventService = "CM"
	ServiceNM  EventService = "NM"
	ServiceAPI EventService = "API"
	ServiceUM  EventService = "UM"
)

var eventServiceNames = map[string]int32{"UnkownReportingService": 0, "CM": 1, "NM": 2, "API": 3, "UM": 4}

// EnumNumbers is as in the vendor's definition, its spelling included.
func (EventService) EnumNumbers() map[string]int32 { return eventServiceNames }

// eventSubject is what an event is about.
type eventSubject struct {
	project string // of a volume or snapshot
	id      string // of the thing; for a snapshot that of its volume
	name    string
	server  string // of damaged data: the UUID of the server; id is that of the node, name the device's serial
	detail  string // what the description says behind the catalogue's words
}

func volumeSubject(project, id, name string) eventSubject {
	return eventSubject{project: project, id: id, name: name}
}

// snapshotSubject: an event of a snapshot is one of the volume it was made from, since the log knows no snapshots.
func snapshotSubject(project, volumeUUID, volumeName, snapshotUUID, snapshotName string) eventSubject {
	return eventSubject{project: project, id: volumeUUID, name: volumeName, detail: "snapshot " + snapshotName + " (" + snapshotUUID + ")"}
}

func nodeSubject(id, name string) eventSubject { return eventSubject{id: id, name: name} }

func serverSubject(id, name string) eventSubject { return eventSubject{id: id, name: name} }

func deviceSubject(serial, name string) eventSubject { return eventSubject{id: serial, name: name} }

func clusterSubject(id, name string) eventSubject { return eventSubject{id: id, name: name} }

func (e eventSubject) with(detail string) eventSubject {
	e.detail = detail
	return e
}

// event makes the event of a kind about a subject.
func (k *eventKind) event(id string, at time.Time, about eventSubject) Event {
	text := strings.ReplaceAll(strings.ReplaceAll(k.Text, "{id}", about.id), "{name}", about.name)
	if about.detail != "" {
		text += ": " + about.detail
	}
	e := Event{
		ID: id, Time: at, Type: k.Type, Severity: k.Severity, EventName: k.Name, EventCode: k.Code,
		ReportingService: k.Service, Description: text,
	}
	what := &ComponentInfo{ID: about.id, Name: about.name}
	switch k.Type {
	case EventVolume:
		list := &VolumeComponentInfoList{VolumeComponentInfoList: []*ComponentInfo{what}}
		e.ComponentVolumesInfo = &ComponentVolumesInfo{ProjectVolumesMap: map[string]*VolumeComponentInfoList{about.project: list}}
	case EventNode:
		e.ComponentNodeInfo = what
	case EventNVMeSSD:
		e.ComponentNVMeSSDInfo = what
	case EventServer:
		e.ComponentServerInfo = what
	case EventCluster, EventClusterEncryption:
		e.ComponentClusterInfo = what
	case EventDataIntegrity:
		e.ComponentDataIntegrityInfo = &ComponentDataIntegrityInfo{NodeUUID: about.id, ServerUUID: about.server, SSDs: []string{about.name}}
	}
	return e
}

// keptEvents is how many events a cluster remembers; the oldest are forgotten first (assumption 43).
const keptEvents = 100_000

// loggedEvent is a row of the log: what filters look at, and the event as the API answers it.
type loggedEvent struct {
	Seq      uint64
	At       time.Time
	Type     EventType
	Severity EventSeverity
	Project  string
	Body     Event
}

// eventTable is the log, oldest first.
var eventTable = store.NewTable("lightbits.events", func(e *loggedEvent) string { return eventKey(e.Seq) }, store.Codec[loggedEvent]{
	Append: func(dst []byte, e *loggedEvent) ([]byte, error) {
		dst = binary.BigEndian.AppendUint64(dst, uint64(e.At.UnixMilli()))
		dst = append(dst, byte(eventTypeNames[string(e.Type)]), byte(eventSeverityNames[string(e.Severity)]))
		return wire.Append(appendTexts(dst, e.Project), &e.Body, zero)
	},
	Decode: func(src []byte, e *loggedEvent) error {
		head, body, err := peekEvent(src)
		if err != nil {
			return err
		}
		e.At = time.UnixMilli(head.at).UTC()
		e.Project = string(head.project)
		if err := wire.Unmarshal(body, &e.Body); err != nil {
			return err
		}
		e.Type, e.Severity = e.Body.Type, e.Body.Severity
		e.Seq, err = eventSeq(e.Body.ID)
		return err
	},
})

// eventHead is what filters look at. It is valid as long as the row's bytes are.
type eventHead struct {
	at             int64 // milliseconds
	kind, severity byte
	project        []byte
}

// peekEvent takes a row of the log apart without decoding the event.
func peekEvent(src []byte) (head eventHead, body []byte, err error) {
	const fixed = 8 + 2
	if len(src) < fixed {
		return head, nil, varint.ErrLength
	}
	head.at = int64(binary.BigEndian.Uint64(src))
	head.kind, head.severity = src[8], src[9]
	r := varint.NewReader(src[fixed:])
	head.project = r.Bytes()
	return head, r.Rest(), r.Err()
}

func eventKey(seq uint64) string { return string(binary.BigEndian.AppendUint64(nil, seq)) }

// eventID draws the ID of the event with that number. Its last six bytes are the number, so that a page token is
// found without an index.
func eventID(tx *store.Tx, seq uint64) string {
	id := tx.NewUUID()
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], seq)
	copy(id[10:], number[2:])
	return id.String()
}

// eventSeq is the number in an event's ID.
func eventSeq(id string) (uint64, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return 0, fmt.Errorf("event ID %q: %w", id, err)
	}
	var number [8]byte
	copy(number[2:], parsed[10:])
	return binary.BigEndian.Uint64(number[:]), nil
}

// logEvent records an event of a kind, unless the feature flag event-log is off.
func (s *Service) logEvent(tx *store.Tx, kind eventName, about eventSubject) error {
	if !s.flagEnabled(tx, flagEventLog) {
		return nil
	}
	k, ok := eventKindTable[kind]
	if !ok {
		return fmt.Errorf("event %q is not in the catalogue", kind)
	}
	seq := uint64(1)
	if last, ok := eventTable.Last(tx, ""); ok {
		seq = binary.BigEndian.Uint64([]byte(last)) + 1
	}
	k.Name = string(kind)
	e := loggedEvent{Seq: seq, At: tx.Now, Type: k.Type, Severity: k.Severity, Project: about.project}
	e.Body = k.event(eventID(tx, seq), tx.Now, about)
	if err := eventTable.Insert(tx, &e); err != nil {
		return err
	}
	if seq <= keptEvents {
		return nil
	}
	if err := eventTable.Delete(tx, eventKey(seq-keptEvents)); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}
