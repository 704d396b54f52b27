package lucidlink

import (
	"storagesim/internal/refusal"
	"storagesim/internal/store"
	"storagesim/internal/strict"
)

// bucket is what an object storage checks when the client initializes a filespace in a bucket: its keys, and whether it
// speaks HTTPS. A bucket without a row accepts any keys, with and without HTTPS (assumption 172).
type bucket struct {
	Name      string `json:"name"`
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey"` // hashed
	HTTPS     *bool  `json:"https,omitempty"`
}

var buckets = store.NewTable("lucidlink.bucket", func(b *bucket) string { return b.Name }, store.JSON[bucket]())

// bucketParams describes a bucket in a fixture and in the action set-bucket.
type bucketParams struct {
	Bucket    string `json:"bucket" doc:"name of the bucket; GET /filespaces shows those that filespaces have"`
	AccessKey string `json:"accessKey" doc:"the access key that init-s3 must give; any if it is left out"`
	SecretKey string `json:"secretKey" doc:"the secret key that init-s3 must give; any if it is left out"`
	HTTPS     *bool  `json:"https" doc:"whether the object storage speaks HTTPS, so that init-s3 needs --https, or HTTP, so that --https fails; both if it is left out"`
}

// put stores the bucket. The path is its place in the fixture.
func (p *bucketParams) put(tx *store.Tx, path string) error {
	if len(p.Bucket) < minBucketName || len(p.Bucket) > maxBucketName+len("lucidlink-") {
		return wrong(path+"bucket", "%q must be the name of a bucket, of %d to %d characters", clip(p.Bucket),
			minBucketName, maxBucketName)
	}
	if len(p.AccessKey) > maxPassword || len(p.SecretKey) > maxPassword {
		return wrong(path+"secretKey", "a key must have at most %d bytes", maxPassword)
	}
	b := bucket{Name: p.Bucket, AccessKey: p.AccessKey, HTTPS: p.HTTPS}
	if p.SecretKey != "" {
		b.SecretKey = hashPassword(b.Name, p.SecretKey)
	}
	return buckets.Put(tx, &b)
}

// describedBucket is the result of set-bucket. It has no secret.
type describedBucket struct {
	Bucket string `json:"bucket"`
	HTTPS  *bool  `json:"https,omitempty"`
}

func (s *Service) setBucket(tx *store.Tx, p *bucketParams) (any, error) {
	if p.Bucket == "" {
		return nil, &strict.Error{Path: "bucket", Detail: "is missing; GET /filespaces shows the buckets of filespaces"}
	}
	return describedBucket{Bucket: p.Bucket, HTTPS: p.HTTPS}, p.put(tx, "")
}

// checkKeys refuses what the object storage of the filespace refuses: wrong keys with PermissionDenied, in the words of
// S3, and the wrong scheme.
func (q *initializeRequest) checkKeys(tx *store.Tx, st *Storage) error {
	b, err := buckets.Get(tx, st.Bucket)
	if err != nil {
		return nil //nolint:nilerr // a bucket that nobody has described accepts everything
	}
	switch {
	case b.HTTPS != nil && *b.HTTPS && !q.HTTPS:
		return invalid("The object storage of the bucket %s speaks HTTPS only; use --https.", b.Name)
	case b.HTTPS != nil && !*b.HTTPS && q.HTTPS:
		return invalid("The object storage of the bucket %s does not speak HTTPS; leave --https out.", b.Name)
	case b.AccessKey != "" && !equal(b.AccessKey, q.AccessKey):
		return refusal.New(refusal.PermissionDenied, "The object storage refused the access key: InvalidAccessKeyId.").
			Because(wrongKeys{Bucket: b.Name, Code: "InvalidAccessKeyId"})
	case b.SecretKey != "" && !equal(b.SecretKey, hashPassword(b.Name, q.SecretKey)):
		return refusal.New(refusal.PermissionDenied, "The object storage refused the secret key: SignatureDoesNotMatch.").
			Because(wrongKeys{Bucket: b.Name, Code: "SignatureDoesNotMatch"})
	}
	return nil
}

// wrongKeys is the cause of a refusal by the object storage.
type wrongKeys struct {
	Bucket string `json:"bucket"`
	Code   string `json:"code"` // of S3
}

// CauseKind returns refusal.Credential.
func (wrongKeys) CauseKind() refusal.CauseKind { return refusal.Credential }

// WouldWork returns the advice of explain.
func (w wrongKeys) WouldWork() string {
	return "the keys of the bucket " + w.Bucket + "; the fixture and the action lucidlink/set-bucket set them"
}
