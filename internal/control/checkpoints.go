package control

type checkpointList struct {
	World       string   `json:"world"`
	Checkpoints []string `json:"checkpoints"`
}

func listCheckpoints(c *Control, r *call) (checkpointList, error) {
	w, err := c.DB.World(r.world())
	return checkpointList{World: r.world(), Checkpoints: append([]string{}, w.Checkpoints...)}, err
}

type checkpointEntry struct {
	World string `json:"world"`
	Name  string `json:"name"`
	Now   string `json:"now"` // of the world's clock
}

func (c *Control) checkpointEntry(r *call) (checkpointEntry, error) {
	now, err := c.Engine.Now(r.world())
	return checkpointEntry{World: r.world(), Name: r.param("name"), Now: instant(now)}, err
}

func putCheckpoint(c *Control, r *call) (checkpointEntry, error) {
	kept, err := c.Engine.Checkpoint(r.world(), r.param("name"))
	return checkpointEntry{World: r.world(), Name: r.param("name"), Now: instant(kept.Now)}, err
}

func deleteCheckpoint(c *Control, r *call) (checkpointList, error) {
	if err := c.DB.DeleteCheckpoint(r.world(), r.param("name")); err != nil {
		return checkpointList{}, c.noCheckpoint(r, err)
	}
	return listCheckpoints(c, r)
}

func restoreCheckpoint(c *Control, r *call) (checkpointEntry, error) {
	if err := c.Engine.Restore(r.world(), r.param("name")); err != nil {
		return checkpointEntry{}, c.noCheckpoint(r, err)
	}
	return c.checkpointEntry(r)
}

// noCheckpoint adds the existing names to store.ErrNoCheckpoint.
func (c *Control) noCheckpoint(r *call, err error) error {
	w, _ := c.DB.World(r.world()) // a world that was deleted meanwhile has no checkpoints
	return absent(err, "checkpoint", r.param("name"), w.Checkpoints)
}
