package lucidity

import (
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"storagesim/internal/api"
	"storagesim/internal/refusal"
	"storagesim/internal/statemachine"
	"storagesim/internal/store"
)

// bufferOperations returns the operations on temporary buffers. Their paths, states, request ID and limit are
// published, but little of their bodies (facts/dms-lucidlink-lucidity.md 2.4; assumption 350).
func (s *Service) bufferOperations() []api.Operation {
	const path = "/external/api/v1/autoscaler/instance/buffer"
	return []api.Operation{
		{Name: "RequestBuffer", Method: http.MethodPatch, Path: path + "/request",
			Statuses: []int{200, 400, 401, 403, 429, 500, 503}, Extra: true, Needs: token,
			Endpoint: api.Handle(s.requestBuffer)},
		{Name: "GetBufferStatus", Method: http.MethodGet, Path: path + "/{bufferId}/status",
			Statuses: []int{200, 400, 401, 403, 404, 429, 500, 503}, Extra: true, Needs: token,
			Endpoint: api.Handle(s.getBufferStatus)},
		{Name: "RevokeBuffer", Method: http.MethodPost, Path: path + "/{bufferId}/revoke",
			Statuses: []int{200, 400, 401, 403, 404, 429, 500, 503}, Extra: true, Needs: token,
			Endpoint: api.Handle(s.revokeBuffer)},
	}
}

// The states of a buffer (facts/dms-lucidlink-lucidity.md 2.4).
const (
	BufferProvisioning statemachine.State = "PROVISIONING"
	BufferActive       statemachine.State = "ACTIVE"
	BufferRevoked      statemachine.State = "REVOKED"
	BufferFailed       statemachine.State = "FAILED"
)

// bufferRetention is the time for which a revoked or failed buffer is kept, on the world's clock (assumption 352).
const bufferRetention = 24 * time.Hour

// Buffer is temporary space of an instance in addition to that of its scaling policy.
type Buffer struct {
	ID            string `json:"id"`
	Instance      string `json:"instance"` // the instance's key
	Name          string `json:"name"`     // for people: instance and mount point
	Partition     string `json:"partition"`
	RequestID     string `json:"requestId"`     // the client's; "" for none
	FailureReason string `json:"failureReason"` // why it was not provisioned
}

// buffersByRequest is the index of buffers by request ID.
const buffersByRequest = "request"

// bufferMachine is the machine of a buffer. A buffer that is being provisioned can be revoked too. A revoked or failed
// buffer is deleted after bufferRetention.
func (s *Service) bufferMachine() *statemachine.Machine[Buffer] {
	in := func(states ...statemachine.State) []statemachine.State { return states }
	type row = statemachine.Row[Buffer]
	return statemachine.Define(statemachine.Machine[Buffer]{
		Kind: "lucidity.buffer", Initial: in(BufferProvisioning),
		Key: func(b *Buffer) string { return b.ID }, Name: func(b *Buffer) string { return b.Name },
		Indexes: []store.Index[row]{{Name: buffersByRequest, Unique: true, Keys: func(r *row) []string {
			if r.Body.RequestID == "" {
				return nil
			}
			return []string{r.Body.RequestID}
		}}},
		Rules: []statemachine.Rule[Buffer]{
			{
				From: in(BufferProvisioning), On: "provisioned", To: BufferActive, After: "provision",
				Unless: s.unlessOutOfReach,
			},
			{From: in(BufferProvisioning), On: "fail", To: BufferFailed, Do: s.bufferFailed},
			{From: in(BufferProvisioning, BufferActive), On: "revoke", To: BufferRevoked, Do: s.forgetLater},
			{From: in(BufferRevoked, BufferFailed), On: "expire", To: statemachine.Gone},
		},
		Guards: []statemachine.Guard{{
			Operation: "RevokeBuffer", In: in(BufferFailed), Kind: refusal.InvalidArgument,
			Message: "Buffer '{id}' is {state}: there is nothing to revoke",
		}},
		Delays: map[string]statemachine.DelayDefault{
			"provision": {Fast: "300ms", Realistic: `{"lognormal":{"median":"2m","p99":"10m"}}`},
		},
	})
}

// unlessOutOfReach returns fail if the instance of the buffer is gone or unmanaged, or if its tenant was deboarded.
func (s *Service) unlessOutOfReach(tx *store.Tx, r *statemachine.Row[Buffer]) statemachine.Event {
	instance, err := s.instances.Get(tx, r.Body.Instance)
	if err == nil {
		_, err = s.permitted(tx, &instance.Body.instanceIdentifier)
	}
	if e := refusal.Of(err); e != nil {
		r.Body.FailureReason = e.Message
		return "fail"
	}
	return ""
}

// msgBufferFailed is the default failure reason.
const msgBufferFailed = "Buffer provisioning failed"

func (s *Service) bufferFailed(tx *store.Tx, r *statemachine.Row[Buffer]) error {
	setDefault(&r.Body.FailureReason, msgBufferFailed)
	return s.forgetLater(tx, r)
}

func (s *Service) forgetLater(tx *store.Tx, r *statemachine.Row[Buffer]) error {
	return s.buffers.After(tx, r, "expire", tx.Now.Add(bufferRetention))
}

type requestBufferRequest struct {
	instanceDetailsRequest
	Partition string `json:"partition"`
	RequestID string `json:"requestId"`
}

// bufferStatus is the response of all three operations.
type bufferStatus struct {
	BufferID      string             `json:"bufferId"`
	Status        statemachine.State `json:"status"`
	FailureReason string             `json:"failureReason,omitempty"`
}

func statusOf(r *statemachine.Row[Buffer]) *bufferStatus {
	return &bufferStatus{BufferID: r.Body.ID, Status: r.Life.State, FailureReason: r.Body.FailureReason}
}

// requestBuffer begins to provision a buffer for an instance, or for one of its managed partitions. A repeated request
// ID returns its buffer (assumption 351). It refuses with InvalidArgument if the request is invalid, if the partition
// does not exist or is not managed, or if the request ID belongs to a buffer of another instance or partition. It
// also returns the refusals of takeTurn and authorized. The space itself is not simulated (assumption 350).
func (s *Service) requestBuffer(tx *store.Tx, _ *api.Request, q *requestBufferRequest) (*bufferStatus, error) {
	if err := takeTurn(tx); err != nil {
		return nil, err
	}
	id, at := q.identifier()
	if err := id.check(at); err != nil {
		return nil, err
	}
	if err := bounded(member{"requestId", q.RequestID}); err != nil {
		return nil, err
	}
	if q.Partition != "" {
		if err := checkPartition(q.Partition); err != nil {
			return nil, err
		}
	}
	instance, err := s.authorized(tx, id)
	if err != nil {
		return nil, err
	}
	buffer := Buffer{
		ID: tx.NewUUID().String(), Instance: instance.Body.key(), Name: instance.Body.words(), RequestID: q.RequestID,
	}
	if q.Partition != "" {
		p, err := s.partitionOn(tx, &instance.Body, q.Partition)
		if err != nil {
			return nil, err
		}
		if !managed(p.Life.State) {
			return nil, invalid("Invalid partition: '%s' is not managed by Lucidity", p.Body.Partition).
				Because(s.partitions.Stands("RequestBuffer", &p))
		}
		buffer.Partition, buffer.Name = p.Body.Partition, p.Body.Name
	}
	if q.RequestID != "" {
		for _, old := range s.buffers.Table().By(tx, buffersByRequest, q.RequestID) {
			if old.Body.Instance != buffer.Instance || old.Body.Partition != buffer.Partition {
				return nil, invalid("requestId '%s' belongs to a buffer of %s", q.RequestID, old.Body.Name)
			}
			return statusOf(&old), nil
		}
	}
	row, err := s.buffers.Create(tx, buffer, BufferProvisioning)
	return statusOf(&row), err
}

// buffer returns the buffer of a path. It refuses with InvalidArgument if the ID is not a UUID, and with NotFound if
// the buffer does not exist. It also returns the refusals of authorized for the buffer's instance.
func (s *Service) buffer(tx *store.Tx, r *api.Request) (statemachine.Row[Buffer], error) {
	id := r.Param("bufferId")
	if uuid.Validate(id) != nil || len(id) != 36 {
		return statemachine.Row[Buffer]{}, invalid("bufferId '%s' is not a UUID", id)
	}
	row, err := s.buffers.Get(tx, id)
	if errors.Is(err, store.ErrNotFound) {
		return row, refusal.New(refusal.NotFound, "Buffer '%s' does not exist", id)
	}
	if err != nil {
		return row, err
	}
	instance, err := s.instances.Get(tx, row.Body.Instance)
	if err == nil {
		_, err = s.authorized(tx, &instance.Body.instanceIdentifier)
	}
	return row, err
}

// getBufferStatus returns the state of a buffer and the reason of a failure.
func (s *Service) getBufferStatus(tx *store.Tx, r *api.Request, _ *api.Empty) (*bufferStatus, error) {
	if err := withinRate(bufferRateOf(tx)); err != nil {
		return nil, err
	}
	row, err := s.buffer(tx, r)
	if err != nil {
		return nil, err
	}
	s.buffers.Observed(tx, &row)
	return statusOf(&row), nil
}

// revokeBuffer revokes a buffer. A repeated call succeeds. It refuses with InvalidArgument if the buffer has failed
// (assumption 352).
func (s *Service) revokeBuffer(tx *store.Tx, r *api.Request, _ *api.Empty) (*bufferStatus, error) {
	if err := takeTurn(tx); err != nil {
		return nil, err
	}
	row, err := s.buffer(tx, r)
	if err != nil {
		return nil, err
	}
	if err := s.buffers.Refuse("RevokeBuffer", &row); err != nil {
		return nil, err
	}
	if row.Life.State == BufferRevoked {
		return statusOf(&row), nil
	}
	err = s.buffers.Fire(tx, &row, "revoke")
	return statusOf(&row), err
}
