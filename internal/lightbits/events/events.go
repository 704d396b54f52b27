// Package events is the event log of a cluster: the catalogue of events, what is recorded of each, and the pages that
// the API lists. The operations and the feature flag that switches the log off are in the package lightbits.
package events

import "time"

// Event is an entry of the event log as the API returns it (spec message Event).
type Event struct {
	ID                         string                      `json:"ID"`
	Time                       time.Time                   `json:"Time"`
	Type                       Type                        `json:"Type"`
	Severity                   Severity                    `json:"Severity"`
	EventName                  string                      `json:"EventName"`
	EventCode                  uint32                      `json:"EventCode"`
	ReportingService           Service                     `json:"ReportingService"`
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

// ComponentInfo names the subject of an event.
type ComponentInfo struct {
	ID   string `json:"ID"`
	Name string `json:"Name"`
}

// ComponentVolumesInfo names the volumes that are the subject of an event, by project.
type ComponentVolumesInfo struct {
	ProjectVolumesMap map[string]*VolumeComponentInfoList `json:"ProjectVolumesMap"`
}

// VolumeComponentInfoList lists volumes of one project.
type VolumeComponentInfoList struct {
	VolumeComponentInfoList []*ComponentInfo `json:"VolumeComponentInfoList"`
}

// ComponentDataIntegrityInfo locates damaged data.
type ComponentDataIntegrityInfo struct {
	NodeUUID   string   `json:"NodeUUID"`
	ServerUUID string   `json:"ServerUUID"`
	SSDs       []string `json:"SSDs"`
}

// Type is the kind of component an event is about; the API also calls it componentType.
type Type string

// The types.
const (
	TypeCluster           Type = "Cluster"
	TypeNode              Type = "Node"
	TypeVolume            Type = "Volume"
	TypeNVMeSSD           Type = "NVMeSSD"
	TypeServer            Type = "Server"
	TypeDataIntegrity     Type = "DataIntegrity"
	TypeClusterEncryption Type = "ClusterEncryption"
)

var typeNumbers = map[string]int32{
	"UnknownType": 0, "Cluster": 1, "Node": 2, "Volume": 3, "NVMeSSD": 4, "Server": 5, "DataIntegrity": 6,
	"ClusterEncryption": 7,
}

// EnumNumbers returns the vendor's numbers.
func (Type) EnumNumbers() map[string]int32 { return typeNumbers }

// Severity is how serious an event is.
type Severity string

// The severities.
const (
	SeverityInfo     Severity = "Info"
	SeverityLow      Severity = "Low"
	SeverityMedium   Severity = "Medium"
	SeverityHigh     Severity = "High"
	SeverityCritical Severity = "Critical"
)

var severityNumbers = map[string]int32{"UnkownSeverity": 0, "Info": 1, "Low": 2, "Medium": 3, "High": 4, "Critical": 5}

// EnumNumbers returns the vendor's numbers, with the vendor's spelling.
func (Severity) EnumNumbers() map[string]int32 { return severityNumbers }

// Service is the part of the product that reports an event.
type Service string

// The services: cluster manager, node manager, API, upgrade manager.
const (
	ServiceCM  Service = "CM"
	ServiceNM  Service = "NM"
	ServiceAPI Service = "API"
	ServiceUM  Service = "UM"
)

var serviceNumbers = map[string]int32{"UnkownReportingService": 0, "CM": 1, "NM": 2, "API": 3, "UM": 4}

// EnumNumbers returns the vendor's numbers, with the vendor's spelling.
func (Service) EnumNumbers() map[string]int32 { return serviceNumbers }
