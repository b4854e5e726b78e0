/*
 * A guest of a few hundred bytes that does what a kernel does first and
 * firmware does not: protected mode, paging, long mode, SSE, and sleeping
 * until a timer interrupt. It then writes its marker to the serial port.
 * An accelerator that runs it boots kernels. Loaded as a multiboot kernel.
 *
 * as --32 -o probe.o probe.S && ld -m elf_i386 -Ttext 0x100000 -s -o probe.bin probe.o
 */
	.set	FLAGS, 0x10000
	.set	MAGIC, 0x1badb002
	.code32
	.text
	.globl	_start
	.align	4
header:
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)
	.long	header, header, _end, _end, _start	/* a flat image, not ELF */
_start:
	cli
	cld
	mov	$stack_top, %esp

	/* Page tables at 2 MiB: identity map of the first GiB in 2 MiB pages. */
	mov	$0x200000, %edi
	xor	%eax, %eax
	mov	$0x3000/4, %ecx
	rep stosl
	movl	$0x201003, 0x200000
	movl	$0x202003, 0x201000
	mov	$0x202000, %edi
	mov	$0x83, %eax
	mov	$512, %ecx
1:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	loop	1b

	mov	%cr4, %eax
	or	$0x620, %eax		/* PAE, OSFXSR, OSXMMEXCPT */
	mov	%eax, %cr4
	mov	$0x200000, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER.LME */
	rdmsr
	or	$0x100, %eax
	wrmsr
	mov	%cr0, %eax
	and	$~4, %eax		/* not EM */
	or	$0x80000002, %eax	/* PG, MP */
	mov	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$8, $long_mode

	.code64
long_mode:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$stack_top, %esp

	/* Every vector from 0x20 on wakes us; an exception resets the machine. */
	mov	$idt + 0x20 * 16, %edi
	mov	$16, %ecx
2:	mov	$tick, %eax
	mov	%ax, (%rdi)
	movw	$8, 2(%rdi)
	movw	$0x8e00, 4(%rdi)
	shr	$16, %eax
	mov	%ax, 6(%rdi)
	add	$16, %rdi
	loop	2b
	lidt	idt_pointer

	/* Interrupt controllers to vectors 0x20 and 0x28, the timer alone let through. */
	mov	$0x11, %al
	out	%al, $0x20
	out	%al, $0xa0
	mov	$0x20, %al
	out	%al, $0x21
	mov	$0x28, %al
	out	%al, $0xa1
	mov	$4, %al
	out	%al, $0x21
	mov	$2, %al
	out	%al, $0xa1
	mov	$1, %al
	out	%al, $0x21
	out	%al, $0xa1
	mov	$0xfe, %al
	out	%al, $0x21
	mov	$0xff, %al
	out	%al, $0xa1

	/* Timer at 100 Hz. */
	mov	$0x34, %al
	out	%al, $0x43
	mov	$11932 & 0xff, %al
	out	%al, $0x40
	mov	$11932 >> 8, %al
	out	%al, $0x40

	xor	%ebx, %ebx
	sti
3:	hlt
	cmp	$10, %ebx
	jb	3b
	cli

	xorps	%xmm0, %xmm0
	mov	$1, %eax
	cpuid

	mov	$marker, %esi
	mov	$marker_end - marker, %ecx
	mov	$0x3f8, %edx
	rep outsb
4:	hlt
	jmp	4b

tick:
	inc	%ebx
	push	%rax
	mov	$0x20, %al
	out	%al, $0x20
	pop	%rax
	iretq

marker:	.ascii	"quarry-probe: alive\n"
marker_end:

	.align	8
gdt:	.quad	0
	.quad	0x00209a0000000000	/* 64-bit code */
	.quad	0x0000920000000000	/* data */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt
	.align	8
idt_pointer:
	.word	0x30 * 16 - 1
	.quad	idt
	.align	16
idt:	.skip	0x30 * 16
	.skip	256
stack_top:
_end:
