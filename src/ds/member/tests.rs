use super::*;

#[test]
fn every_length_around_a_border_keeps_its_bytes_and_its_hint_also_when_moved() {
    for len in [0, 1, 6, 7, 8, 9, 15, 16, 253, 254, 255, 256, 70_000] {
        for fill in [0, 1, 0xff] {
            let bytes = vec![fill; len];
            let mut member = Member::new(&bytes);
            assert_eq!((member.key(), member.hint()), (&bytes[..], 0));
            for hint in [u16::MAX, 1, 0] {
                member.set_hint(hint);
                member.prefetch();
                assert_eq!(member.hint(), if len > 7 { hint } else { 0 });
                assert_eq!(member.key(), bytes);
                let mut mover = Mover::of_all();
                member.relocate(&mut mover);
                assert_eq!(mover.hits(), u64::from(len > 7), "what has an allocation is moved");
                assert_eq!(member.hint(), if len > 7 { hint } else { 0 });
                assert_eq!(member.key(), bytes);
            }
        }
    }
}

#[test]
fn short_members_own_nothing_and_others_what_they_need() {
    assert_eq!(size_of::<Option<Member>>(), 8);
    for (len, size) in [(0, 0), (7, 0), (8, 16), (15, 16), (16, 24), (254, 256), (255, 288)] {
        assert_eq!(Member::new(&vec![b'x'; len]).alloc_size(), size, "{len} bytes");
    }
}

#[test]
fn a_member_in_its_handle_moves_with_it() {
    let members: Vec<_> = (0..1000).map(|n| Member::new(n.to_string().as_bytes())).collect();
    let moved: Vec<_> = members.into_iter().rev().collect();
    assert!(
        moved.iter().rev().zip(0..).all(|(member, n)| member.key() == n.to_string().as_bytes())
    );
    assert_eq!(format!("{:?}", moved[0]), r#"Member("999")"#);
}
