! Reads groups of a deck as gfortran's own NAMELIST does, and prints the typed values.
!
!   read_deck_f90 DECK alpha [beta]
!
! One line for each variable: name, type, value; reals as their bits, texts between < and >. The
! twin in C++ is read_deck.cpp: same groups, same initial values, same lines.
program read_deck
  use iso_fortran_env, only: int64, real64
  implicit none
  integer, parameter :: elements = 4
  integer(int64) :: i, j, iv(elements), k
  real(real64) :: x, y, xv(elements), z
  logical :: p, q, pv(elements), r
  character(32) :: t, u, tv(elements), s
  namelist /alpha/ i, j, iv, x, y, xv, p, q, pv, t, u, tv
  namelist /beta/ k, z, r, s
  character(1000) :: deck, group, message
  integer :: argument, status

  i = -7; j = -7; iv = -7; k = -7
  x = -7; y = -7; xv = -7; z = -7
  p = .false.; q = .true.; pv = .false.; r = .false.
  t = 'none'; u = 'none'; tv = 'none'; s = 'none'
  call get_command_argument(1, deck)
  do argument = 2, command_argument_count()
    call get_command_argument(argument, group)
    open(10, file=trim(deck), status='old', action='read')
    if (group == 'alpha') read(10, nml=alpha, iostat=status, iomsg=message)
    if (group == 'beta') read(10, nml=beta, iostat=status, iomsg=message)
    close(10)
    if (status /= 0) then
      print '(5a)', 'refused: &', trim(group), ': ', trim(message)
      stop
    end if
  end do
  do argument = 2, command_argument_count()
    call get_command_argument(argument, group)
    if (group == 'alpha') call show_alpha
    if (group == 'beta') call show_beta
  end do

contains

  subroutine show_alpha
    call show_integers('i', [i]); call show_integers('j', [j]); call show_integers('iv', iv)
    call show_reals('x', [x]); call show_reals('y', [y]); call show_reals('xv', xv)
    call show_logicals('p', [p]); call show_logicals('q', [q]); call show_logicals('pv', pv)
    call show_texts('t', [t]); call show_texts('u', [u]); call show_texts('tv', tv)
  end subroutine

  subroutine show_beta
    call show_integers('k', [k])
    call show_reals('z', [z])
    call show_logicals('r', [r])
    call show_texts('s', [s])
  end subroutine

  subroutine show_integers(name, values)
    character(*), intent(in) :: name
    integer(int64), intent(in) :: values(:)
    print '(a, *(1x, i0))', name, values
  end subroutine

  subroutine show_reals(name, values)
    character(*), intent(in) :: name
    real(real64), intent(in) :: values(:)
    print '(a, *(1x, z16.16))', name, transfer(values, [0_int64])
  end subroutine

  subroutine show_logicals(name, values)
    character(*), intent(in) :: name
    logical, intent(in) :: values(:)
    print '(a, *(1x, l1))', name, values
  end subroutine

  subroutine show_texts(name, values)
    character(*), intent(in) :: name
    character(*), intent(in) :: values(:)
    integer :: n
    print '(a, *(1x, 3a))', name, ('<', trim(values(n)), '>', n = 1, size(values))
  end subroutine
end program
