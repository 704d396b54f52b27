package lightbits

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"storagesim/internal/api"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

type getVolumeRequest struct {
	volumeRef
	ProjectName string `json:"projectName"`
}

// getVolume: seeds/002 "Get volume information".
func (s *Service) getVolume(tx *store.Tx, r *api.Request, q *getVolumeRequest) (api.JSON, error) {
	if err := s.inProject(tx, r, q.ProjectName, "volumes", "get"); err != nil {
		return nil, err
	}
	key, row, found := s.storedVolume(tx, q.ProjectName, q.volumeRef)
	if !found {
		_, err := s.findVolume(tx, q.ProjectName, q.volumeRef)
		return nil, err
	}
	return s.shownVolume(tx, key, row), nil
}

// storedVolume is findVolume without decoding the volume; found is false if findVolume returns an error.
func (s *Service) storedVolume(tx *store.Tx, project string, ref volumeRef) (key string, row statemachine.Stored,
	found bool) {
	table := s.volumes.Table()
	if ref.UUID != "" {
		key = scopedKey(project, ref.UUID)
		raw, there := table.Raw(tx, key)
		return key, statemachine.Peek(raw), there
	}
	if ref.Name == "" {
		return "", row, false
	}
	table.EachBy(tx, volumesByName, scopedKey(project, ref.Name), func(candidate string, raw []byte) bool {
		stored := statemachine.Peek(raw)
		if !found || holdsName(statemachine.State(stored.State)) {
			key, row, found = candidate, stored, true
		}
		return true
	})
	return key, row, found
}

// volumeList is the response of listVolumes, which is joined from stored bytes.
type volumeList struct {
	Volumes []*Volume `json:"volumes"`
}

type listVolumesRequest struct {
	UUID          string `json:"UUID"`
	Name          string `json:"name"`
	FailureDomain string `json:"failureDomain"`
	OffsetUUID    string `json:"offsetUUID"`
	Limit         int64  `json:"limit"`
	ProjectName   string `json:"projectName"`
	SnapshotUUID  string `json:"snapshotUUID"`
	ShowAll       bool   `json:"showAll"`
}

// listVolumes: seeds/002 "List volumes". The order is by UUID (assumption 8). The offset is the UUID of the last volume
// of the page before, which need not exist any more.
func (s *Service) listVolumes(tx *store.Tx, r *api.Request, q *listVolumesRequest) (api.JSON, error) {
	if err := s.inProject(tx, r, q.ProjectName, "volumes", "list"); err != nil {
		return nil, err
	}
	limit, err := pageSize(q.Limit)
	if err != nil {
		return nil, err
	}
	page := listPage{
		key: "volumes", limit: limit, showAll: q.ShowAll, body: r.Space(),
		show: func(key string, row statemachine.Stored) []byte { return s.shownVolume(tx, key, row) },
	}
	keys, filtered := s.filteredVolumes(tx, q)
	if !filtered {
		page.scan(s.listed(tx, s.volumes.Table().Scan, q.ProjectName, q.OffsetUUID))
		return page.answer(), nil
	}
	for _, key := range keys {
		project, id, _ := strings.Cut(key, scopeEnd)
		if q.ProjectName != "" && project != q.ProjectName || id <= q.OffsetUUID {
			continue
		}
		raw, there := s.volumes.Table().Raw(tx, key)
		if there && !page.add(key, raw) {
			break
		}
	}
	return page.answer(), nil
}

// filteredVolumes returns the keys, in the order of UUIDs, of the volumes that match every filter of the request, read
// from indexes. filtered is false if the request has no filter.
func (s *Service) filteredVolumes(tx *store.Tx, q *listVolumesRequest) (keys []string, filtered bool) {
	table := s.volumes.Table()
	var sets []map[string]bool
	if q.UUID != "" {
		sets = append(sets, keySet(slices.Values(s.inEveryProject(tx, q.UUID))))
	}
	if q.Name != "" {
		set := map[string]bool{}
		for _, p := range s.projectNames(tx) {
			maps.Copy(set, keySet(table.KeysBy(tx, volumesByName, scopedKey(p, q.Name))))
		}
		sets = append(sets, set)
	}
	if q.SnapshotUUID != "" {
		sets = append(sets, keySet(table.KeysBy(tx, volumesBySnapshot, q.SnapshotUUID)))
	}
	if q.FailureDomain != "" {
		set := map[string]bool{}
		for _, node := range s.nodesInDomain(tx, q.FailureDomain) {
			maps.Copy(set, keySet(table.KeysBy(tx, volumesByNode, node)))
		}
		sets = append(sets, set)
	}
	if len(sets) == 0 {
		return nil, false
	}
	for key := range sets[0] {
		if !slices.ContainsFunc(sets, func(set map[string]bool) bool { return !set[key] }) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		_, idA, _ := strings.Cut(a, scopeEnd)
		_, idB, _ := strings.Cut(b, scopeEnd)
		return strings.Compare(idA, idB)
	})
	return keys, true
}

func keySet(keys iter.Seq[string]) map[string]bool {
	set := map[string]bool{}
	for key := range keys {
		set[key] = true
	}
	return set
}
