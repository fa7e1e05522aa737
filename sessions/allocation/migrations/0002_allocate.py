"""alloc.allocate(): the one thing that the blinded side may do with the secret."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION alloc.allocate(the_participant uuid, the_study uuid, the_stratum text, the_request uuid)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, alloc AS $$
DECLARE
    existing text;
    head alloc.stratum%ROWTYPE;
    slot alloc.list_slot%ROWTYPE;
BEGIN
    SELECT s.number INTO existing FROM alloc.allocation a JOIN alloc.list_slot s ON s.id = a.slot_id
        WHERE a.participant_id = the_participant;
    IF FOUND THEN
        RETURN existing;
    END IF;
    -- The stratum's head row is the queue: one taker at a time, in order. SKIP LOCKED would hand slots out of order.
    SELECT h.* INTO head FROM alloc.stratum h JOIN alloc.randomization_list l ON l.id = h.list_id
        WHERE l.study_id = the_study AND l.state = 'active' AND h.key = the_stratum FOR UPDATE OF h;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT s.number INTO existing FROM alloc.allocation a JOIN alloc.list_slot s ON s.id = a.slot_id
        WHERE a.participant_id = the_participant;
    IF FOUND THEN
        RETURN existing;
    END IF;
    PERFORM 1 FROM public.participants_participant p
        WHERE p.id = the_participant AND p.study_id = the_study AND p.status = 'screening';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO slot FROM alloc.list_slot WHERE stratum_id = head.id AND ordinal = head.taken + 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE alloc.stratum SET taken = head.taken + 1 WHERE id = head.id;
    INSERT INTO alloc.allocation (id, participant_id, slot_id, stratum_key, request_id, allocated_at)
        VALUES (gen_random_uuid(), the_participant, slot.id, the_stratum, the_request, clock_timestamp());
    RETURN slot.number;
END $$;

CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON alloc.allocation FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_change BEFORE UPDATE OR DELETE ON alloc.list_slot FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_delete BEFORE DELETE ON alloc.stratum FOR EACH ROW EXECUTE FUNCTION audit.deny();
CREATE TRIGGER deny_delete BEFORE DELETE ON alloc.randomization_list FOR EACH ROW EXECUTE FUNCTION audit.deny();
"""

BACKWARD = """
DROP TRIGGER deny_delete ON alloc.randomization_list;
DROP TRIGGER deny_delete ON alloc.stratum;
DROP TRIGGER deny_change ON alloc.list_slot;
DROP TRIGGER deny_change ON alloc.allocation;
DROP FUNCTION alloc.allocate(uuid, uuid, text, uuid);
"""


class Migration(migrations.Migration):
    """Nothing secret is returned or raised; the order of the list is kept under any load."""

    dependencies = [("allocation", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
