/* The node: what it keeps, and how it is made and freed. The definition is Node in node.py.

   The usual node, with at most two operands and with numbers only, is one piece of memory of 96 bytes (112 with the
   collector's part). Whatever is rarer is in `extra`: a label, more operands, derivatives that are functions, a symbol
   as data, a number in native memory. */

enum { MANY = 3, OBJECT = 4 }; /* counts above two: in `extra->operands` and `extra->many`; in `extra->local` */
enum { REACHED = 1, UNREACHED = 2, GRAD_IS_OBJECT = 4, GRADS = 7 }; /* flags of the gradient; without one there is none */
enum { HAS_NUMBER = 8, IN_MEMORY = 16 };                 /* flags of the data; without one they are in `extra->data` */
enum { UNLABELLED = 32 };                                /* the label is "" */

typedef struct extra {
    PyObject *operation;
    PyObject *label;
    PyObject *data;     /* data that is not a float */
    PyObject *grad;     /* a gradient that is not a float */
    PyObject *local;    /* local derivatives that are not a tuple of floats */
    PyObject *operands; /* the tuple of all operands, where there are more than two */
    double *many;       /* local derivatives, where there are more than two */
    Py_ssize_t count;   /* how many those are */
    PyObject *call;     /* which call of a layer gave this, for drawings */
    Py_ssize_t position; /* of the neuron that gave this, in its layer */
    double *at;         /* where the number is in native memory */
    PyObject *memory;   /* what owns that memory */
} extra;

typedef struct node {
    PyObject_HEAD
    PyObject *dict, *weakrefs;
    uintptr_t made_by; /* the operation; or `extra`, which has it, and HAS_EXTRA */
    double number, grad, local[2];
    struct node *operand[2];
    uint64_t operands : 4, locals : 4, flags : 8;
    uint64_t mark : 48; /* the last search that came here */
} node;

enum { IS_SMALL = 1 / (sizeof(node) <= 144) }; /* with what the collector puts before it too */

enum { HAS_EXTRA = 1 }; /* addresses are even */

/* A row of the table as this module knows it. It runs in C while its rule is the one that C was generated from. */
typedef struct table_row {
    PyObject *entry, *rule;         /* the Op; its rule, a function */
    PyObject *code, *settings;      /* that function's code, and the dict of its settings' defaults */
    PyObject *defaults;             /* what that dict held, as a tuple */
    PyObject *infix;                /* what does x + y in Python, for a row that is an operator */
    int expands[MOST_EXPANDED + 1]; /* the rows that the rule expands, -1 after the last */
    int is_built;                   /* whether the rule was found to be the one that C was generated from */
} row;

/* The objects of Python's that the core uses: bind(Value=Value, constant=CONSTANT, ...) tells it. */
#define FROM_PYTHON(X) \
    X(Value) X(init) X(unreached) X(made_by_hand) X(constant) X(detached) X(number_for) \
    X(recorded_number) X(power) X(bind_power)
#define DECLARED(name) PyObject *name;

/* Freed nodes are put on shelves, one for each page of memory: taken page by page, those of one graph lie together. In
   any order they would soon be all over memory, which made a step of training twice as slow. */
enum { SHELVES = 4096, MOST_SPARES = 1 << 18 };
#define shelf_of(v) ((uintptr_t)(v) >> 12 & (SHELVES - 1))
#ifdef __SANITIZE_ADDRESS__ /* whose memory is used again is chance: of the others, no freed node may be touched */
#define can_be_spare(v) ((uintptr_t)(v) >> 5 & 1)
#else
#define can_be_spare(v) 1
#endif

/* The module's state. */
typedef struct core {
    PyTypeObject *Node, *Operation, *Call, *Results, *OneOf;
    PyObject *int_powers, *float_powers; /* the operation for each constant exponent */
    FROM_PYTHON(DECLARED)
    row rows[ROWS];
    node *spare[SHELVES]; /* freed nodes, each with the next as its first operand */
    long spares;          /* how many in all */
    long made;            /* how many were allocated, until they were given back */
    int shelf;            /* where nodes are taken from now */
    uint64_t searches : 48; /* how many there were */
    long modes;           /* how many modes are entered, in all threads */
    Py_tss_t thread_mode; /* what this thread is in */
} core;

/* What a thread is in: nothing; no_grad() alone; something that C leaves to Python. */
enum { PLAIN, NO_GRAD, PYTHON };

static int mode_of(core *c)
{
    return c->modes ? (int)(intptr_t)PyThread_tss_get(&c->thread_mode) : PLAIN;
}

static struct PyModuleDef core_module;

static core *core_of(PyTypeObject *type)
{
    PyObject *module = PyType_GetModuleByDef(type, &core_module);
    return module ? PyModule_GetState(module) : NULL;
}

#ifdef __GNUC__
#define prefetch(at) __builtin_prefetch(at, 1) /* a graph is larger than the cache: let memory be read ahead of use */
#else
#define prefetch(at)
#endif

#define is_node(c, x) PyObject_TypeCheck(x, (c)->Node)

/* NULL where there is nothing rare. */
static extra *extra_of(const node *v)
{
    return v->made_by & HAS_EXTRA ? (extra *)(v->made_by - HAS_EXTRA) : NULL;
}

static PyObject *operation_of(const node *v)
{
    return v->made_by & HAS_EXTRA ? extra_of(v)->operation : (PyObject *)v->made_by;
}

static extra *with_extra(node *v)
{
    extra *more = extra_of(v);
    if (more)
        return more;
    if (!(more = PyMem_Calloc(1, sizeof(extra))))
        return (extra *)PyErr_NoMemory();
    more->operation = (PyObject *)v->made_by;
    v->made_by = (uintptr_t)more + HAS_EXTRA;
    return more;
}

/* Where the number is; NULL if the data are not a float. */
static double *number_of(node *v)
{
    return v->flags & HAS_NUMBER ? &v->number : v->flags & IN_MEMORY ? extra_of(v)->at : NULL;
}

static void set_flags(node *v, int among, int flags)
{
    v->flags = (v->flags & ~among) | flags;
}

static Py_ssize_t operand_count(const node *v)
{
    return v->operands == MANY ? PyTuple_GET_SIZE(extra_of(v)->operands) : v->operands;
}

static node *operand_at(const node *v, Py_ssize_t i)
{
    return v->operands == MANY ? (node *)PyTuple_GET_ITEM(extra_of(v)->operands, i) : v->operand[i];
}

static Py_ssize_t local_count(const node *v)
{
    return v->locals == MANY ? extra_of(v)->count : v->locals;
}

/* The memory of freed Values is used again: a training loop builds the next graph from that of the last, and gives the
   collector no reason to look through it, because it counts what is allocated. */
static node *take_spare(core *c)
{
    while (!c->spare[c->shelf])
        c->shelf = (c->shelf + 1) % SHELVES;
    node *v = c->spare[c->shelf];
    c->spare[c->shelf] = v->operand[0];
    c->spares--;
    if (v->operand[0]) { /* the next operation's node */
        prefetch(v->operand[0]);
        prefetch((char *)v->operand[0] + 64);
    }
    return v;
}

static node *from_spare(core *c)
{
    return (node *)PyObject_Init((PyObject *)take_spare(c), (PyTypeObject *)c->Value);
}

static void put_spare(core *c, node *v)
{
    if (!c->spare[c->shelf])
        c->shelf = shelf_of(v); /* so that a few spares are found at once */
    v->operand[0] = c->spare[shelf_of(v)];
    c->spare[shelf_of(v)] = v;
    c->spares++;
}

/* The more nodes there are, the more are allocated at once: the collector runs after each 700 objects (2,000 from
   Python 3.13 on), and as often as that it need not look through a graph that is being built. */
static node *allocate(core *c)
{
    long more = c->made / 16 < 4096 ? c->made / 16 : 4096;
    int was_on = PyGC_Disable();
    c->made += c->made / 16 < 4096 ? more + 1 : 0;
    for (node *v; more-- > 0; put_spare(c, v)) {
        if (!(v = PyObject_GC_New(node, (PyTypeObject *)c->Value))) {
            PyErr_Clear();
            break;
        }
        Py_DECREF(c->Value); /* a spare node is nobody's */
    }
    if (was_on)
        PyGC_Enable();
    return PyObject_GC_New(node, (PyTypeObject *)c->Value);
}

/* A node with a number and nothing else, not yet seen by the collector. */
static node *new_node(core *c, PyObject *operation, double number)
{
    node *v = c->spares ? from_spare(c) : allocate(c);
    if (!v)
        return NULL;
    v->dict = v->weakrefs = NULL;
    v->made_by = (uintptr_t)Py_NewRef(operation);
    v->number = number;
    v->grad = 0.0;
    v->mark = v->operands = v->locals = 0;
    v->flags = UNREACHED | HAS_NUMBER | UNLABELLED;
    return v;
}

static void drop_operands(node *v)
{
    node *first = v->operands == 1 || v->operands == 2 ? v->operand[0] : NULL;
    node *second = v->operands == 2 ? v->operand[1] : NULL;
    int was = v->operands;
    v->operands = 0; /* before the references go: freeing an operand may run code that looks at this node */
    if (was == MANY)
        Py_CLEAR(extra_of(v)->operands);
    Py_XDECREF(second); /* in the order of a tuple's */
    Py_XDECREF(first);
}

static void drop_locals(node *v)
{
    int was = v->locals;
    v->locals = 0;
    if (was == MANY) {
        PyMem_Free(extra_of(v)->many);
        extra_of(v)->many = NULL;
    }
    else if (was == OBJECT)
        Py_CLEAR(extra_of(v)->local);
}

/* The number comes home: native memory is let go. */
static void leave_memory(node *v)
{
    if (v->flags & IN_MEMORY) {
        v->number = *extra_of(v)->at;
        set_flags(v, IN_MEMORY, HAS_NUMBER);
        Py_CLEAR(extra_of(v)->memory);
    }
}

static void node_dealloc(node *v);

/* Whether a node is a Value, and not of a subclass: see core_bind. */
#define is_value(v) (Py_TYPE(v)->tp_dealloc == (destructor)node_dealloc)

static int node_traverse(node *v, visitproc visit, void *arg)
{
    if (!is_value(v))
        Py_VISIT(Py_TYPE(v)); /* Value itself stays */
    extra *more = extra_of(v);
    Py_VISIT(v->dict);
    Py_VISIT(operation_of(v));
    for (int i = 0; i < v->operands && v->operands != MANY; i++)
        Py_VISIT(v->operand[i]);
    if (more) {
        Py_VISIT(more->label);
        Py_VISIT(more->data);
        Py_VISIT(more->grad);
        Py_VISIT(more->local);
        Py_VISIT(more->operands);
        Py_VISIT(more->call);
    } /* `memory` is not told: the collector would free it first, and the number is read when the node is cleared */
    return 0;
}

static int node_clear(node *v)
{
    drop_operands(v);
    Py_CLEAR(v->dict);
    if (extra_of(v)) {
        leave_memory(v);
        drop_locals(v);
        v->flags = 0;
        Py_CLEAR(extra_of(v)->label);
        Py_CLEAR(extra_of(v)->grad);
        Py_CLEAR(extra_of(v)->data);
        Py_CLEAR(extra_of(v)->call);
    }
    PyObject *operation = operation_of(v);
    if (extra_of(v))
        extra_of(v)->operation = NULL;
    else
        v->made_by = 0;
    Py_XDECREF(operation);
    return 0;
}

static void node_dealloc(node *v)
{
    PyTypeObject *type = Py_TYPE(v);
    int can_be_used_again = is_value(v) && !type->tp_finalize;
    if (is_value(v) && type->tp_finalize && /* for a subclass, Python has done it */
        PyObject_CallFinalizerFromDealloc((PyObject *)v) < 0)
        return;
    PyObject_GC_UnTrack(v);
    Py_TRASHCAN_BEGIN(v, node_dealloc) /* a chain of a million nodes is freed without a million calls deep */
    if (v->weakrefs)
        PyObject_ClearWeakRefs((PyObject *)v);
    node_clear(v);
    PyMem_Free(extra_of(v));
    v->made_by = 0;
    core *c = can_be_used_again ? core_of(type) : NULL;
    if (c && c->Value && c->spares < MOST_SPARES && can_be_spare(v))
        put_spare(c, v);
    else
        type->tp_free(v);
    Py_DECREF(type);
    Py_TRASHCAN_END
}
